package io.calidrop.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.calidrop.attention.AttentionScores;
import io.calidrop.attention.AttentionStep;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvCache;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.TokenBatch;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.bench.RandomWeights;
import io.calidrop.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Compiled kernels allocate nothing. A vector that C2 boxes in a loop costs half of a kernel's
 * speed and shows nowhere else: results stay right.
 */
@Tag("garbage")
class GarbageTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int CALLS = 200;

  /** How long compilation may take before an allocation counts as a fault. */
  private static final long PATIENCE_NANOS = 60_000_000_000L;

  static List<GgmlType> formats() {
    return WeightFormat.supported();
  }

  @ParameterizedTest
  @MethodSource("formats")
  void matrixProductsAllocateNothing(GgmlType type) {
    int rows = 8 * Matrix.ROW_BLOCK;
    int columns = 2048;
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1)) {
      var data = RandomWeights.segment(arena, type, rows, columns);
      Matrix[] matrix = {new MatrixLoader(arena, pool).repacked(type, data, rows, columns)};
      MatMul product = new MatMul(new MatMulScratch[] {new MatMulScratch()});
      float[] x = new float[columns];
      Arrays.fill(x, 0.5f);
      int[] scratch = new int[Activations.BLOCK];
      for (int tokens : new int[] {1, Activations.GROUP, 3 * Activations.GROUP}) {
        int forms = MatMul.forms(tokens, matrix);
        Activations input = new Activations(columns, tokens, forms);
        float[][] out = {new float[tokens * MatMul.stride(matrix[0])]};
        assertNoGarbage(
            () -> {
              input.start(tokens);
              for (int token = 0; token < tokens; token++) {
                input.pack(token, x, 0, forms, scratch);
              }
              product.run(pool, input, matrix, out);
            });
      }
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void attentionAllocatesNothing(KvType type) {
    assertAttentionAllocatesNothing(type, AttentionScores.of(64));
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void attentionWithASoftCapAllocatesNothing(KvType type) {
    assertAttentionAllocatesNothing(type, new AttentionScores(0.1f, 50));
  }

  private static void assertAttentionAllocatesNothing(KvType type, AttentionScores scores) {
    int rows = 300;
    int dim = 64;
    CacheShape shape = new CacheShape(1, 3, 1, dim, scores);
    try (WorkerPool pool = new WorkerPool(1)) {
      KvCache cache = KvCache.of(shape, CacheOptions.full(type), rows, 1, (v, o, delta) -> {});
      cache.extend(0, rows);
      float[] x = new float[3 * dim];
      Arrays.fill(x, 0.5f);
      for (int row = 0; row < rows; row++) {
        cache.store(0, rows, row, x, x, 0);
      }
      AttentionStep attention = new AttentionStep(shape, 1);
      TokenBatch batch = TokenBatch.of(cache, 1);
      float[] out = new float[3 * dim];
      assertNoGarbage(() -> attention.run(pool, batch, 0, x, out, 3 * dim));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"h2o fold", "streaming store", "snapkv off"})
  void boundedAttentionAllocatesNothing(String settings) {
    int dim = 64;
    String[] words = settings.split(" ");
    CalibrationOptions calibration =
        switch (words[1]) {
          case "fold" -> CalibrationOptions.fold(16, 32, 16);
          default -> CalibrationOptions.off();
        };
    CacheOptions options =
        CacheOptions.full(KvType.F16)
            .bounded(CacheBudget.of(64), EvictionPolicies.named(words[0]), calibration)
            .withStore(
                words[1].equals("store")
                    ? Optional.of(StoreOptions.inRam(KvTypes.of(KvType.F16), 32))
                    : Optional.empty());
    float[] x = new float[3 * dim];
    Arrays.fill(x, 0.5f);
    float[] out = new float[3 * dim];
    try (WorkerPool pool = new WorkerPool(1);
        KvCache cache =
            KvCache.of(new CacheShape(1, 3, 1, dim), options, 1000, 1, (v, o, delta) -> {})) {
      AttentionStep attention = new AttentionStep(new CacheShape(1, 3, 1, dim), 1);
      TokenBatch batch = TokenBatch.of(cache, 1);
      for (int token = 0; token < 130; token++) {
        cache.begin(pool);
        cache.extend(0, 1);
        cache.store(0, 1, 0, x, x, 0);
        attention.run(pool, batch, 0, x, out, 3 * dim);
        cache.end(pool, 1);
      }
      cache.begin(pool);
      assertNoGarbage(() -> attention.run(pool, batch, 0, x, out, 3 * dim));
    }
  }

  private static void assertNoGarbage(Runnable call) {
    long start = System.nanoTime();
    long garbage;
    do {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < CALLS; i++) {
        call.run();
      }
      garbage = THREADS.getCurrentThreadAllocatedBytes() - before;
    } while (garbage > 0 && System.nanoTime() - start < PATIENCE_NANOS);
    assertThat(garbage / CALLS).as("bytes a call").isZero();
  }
}
