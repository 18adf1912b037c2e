package io.calidrop.tensor;

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
import java.util.stream.Stream;

/**
 * How many bytes a call of a compiled kernel allocates. Kernels are named by what they do and with
 * which type or options, such as {@code product Q4_K}.
 */
final class KernelGarbage {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int CALLS = 200;

  private final long patienceNanos;
  private long bytes;

  private KernelGarbage(long patienceNanos) {
    this.patienceNanos = patienceNanos;
  }

  /** Every kernel that must make no garbage. */
  static List<String> kernels() {
    Stream<String> products = WeightFormat.supported().stream().map(type -> "product " + type);
    Stream<String> attention =
        Arrays.stream(KvType.values())
            .flatMap(type -> Stream.of("attention " + type, "soft-capped " + type));
    Stream<String> bounded = Stream.of("h2o fold", "streaming store", "snapkv off");
    return Stream.of(products, attention, bounded.map(options -> "bounded " + options))
        .flatMap(names -> names)
        .toList();
  }

  /**
   * Bytes a call.
   *
   * @param seconds how long compilation may take before an allocation counts
   */
  static long bytesPerCall(String kernel, int seconds) {
    KernelGarbage garbage = new KernelGarbage(seconds * 1_000_000_000L);
    String[] words = kernel.split(" ");
    switch (words[0]) {
      case "product" -> garbage.products(GgmlType.valueOf(words[1]));
      case "attention" -> garbage.attention(KvType.valueOf(words[1]), AttentionScores.of(64));
      case "soft-capped" ->
          garbage.attention(KvType.valueOf(words[1]), new AttentionScores(0.1f, 50));
      case "bounded" -> garbage.boundedAttention(words[1], words[2]);
      default -> throw new IllegalArgumentException(kernel);
    }
    return garbage.bytes;
  }

  /** Prints {@link #bytesPerCall} of the kernel and patience that are given. */
  public static void main(String[] args) {
    System.out.println(bytesPerCall(args[0], Integer.parseInt(args[1])));
  }

  private void products(GgmlType type) {
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
      for (int tokens : new int[] {1, 2, Activations.GROUP, 3 * Activations.GROUP}) {
        int forms = MatMul.forms(tokens, matrix);
        Activations input = new Activations(columns, tokens, forms);
        float[][] out = {new float[tokens * MatMul.stride(matrix[0])]};
        measure(
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

  private void attention(KvType type, AttentionScores scores) {
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
      measure(() -> attention.run(pool, batch, 0, x, out, 3 * dim));
    }
  }

  private void boundedAttention(String policy, String rest) {
    int dim = 64;
    CalibrationOptions calibration =
        switch (rest) {
          case "fold" -> CalibrationOptions.fold(16, 32, 16);
          default -> CalibrationOptions.off();
        };
    CacheOptions options =
        CacheOptions.full(KvType.F16)
            .bounded(CacheBudget.of(64), EvictionPolicies.named(policy), calibration)
            .withStore(
                rest.equals("store")
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
      measure(() -> attention.run(pool, batch, 0, x, out, 3 * dim));
    }
  }

  private void measure(Runnable call) {
    long start = System.nanoTime();
    long garbage;
    do {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < CALLS; i++) {
        call.run();
      }
      garbage = THREADS.getCurrentThreadAllocatedBytes() - before;
    } while (garbage > 0 && System.nanoTime() - start < patienceNanos);
    bytes += garbage / CALLS;
  }
}
