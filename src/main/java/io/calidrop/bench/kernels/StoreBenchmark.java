package io.calidrop.bench.kernels;

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
import io.calidrop.bench.Roofline;
import io.calidrop.tensor.WorkerPool;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Attention in the shape of SmolLM2 with a budget of 128 rows and a store: each token scans the
 * sketches, chooses rows and attends them. Layers take turns, so that rows come from memory.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class StoreBenchmark {
  private static final int HEADS = 9;
  private static final int KV_HEADS = 3;
  private static final int DIM = 64;
  private static final int LAYERS = 30;

  /** Stored rows. */
  @Param({"2048", "32768"})
  public int rows;

  /** Rows that each token reads of them; 0: there is no store. */
  @Param({"0", "256"})
  public int recall;

  /** Tokens attended at a time. */
  @Param({"1", "64"})
  public int tokens;

  /** Threads. */
  @Param("1")
  public int threads;

  private WorkerPool pool;
  private Roofline.Limits limits;
  private KvCache cache;
  private AttentionStep attention;
  private TokenBatch batch;
  private float[] query;
  private float[] out;
  private double sketchBytes; // of a layer
  private int layer;

  /** Fills a store. */
  @Setup
  public void setUp() {
    limits = Roofline.measure(threads);
    pool = new WorkerPool(threads);
    CacheShape shape = new CacheShape(LAYERS, HEADS, KV_HEADS, DIM);
    CacheOptions options =
        CacheOptions.full(KvType.F16)
            .bounded(
                CacheBudget.of(128), EvictionPolicies.named("streaming"), CalibrationOptions.off());
    if (recall > 0) {
      options = options.withStore(Optional.of(StoreOptions.inRam(KvTypes.of(KvType.F16), recall)));
    }
    cache = KvCache.of(shape, options, 1 << 20, threads, (x, offset, delta) -> {});
    Random random = new Random(1);
    float[] row = new float[KV_HEADS * DIM];
    int step = CacheBudget.DEFAULT_PRUNE_INTERVAL;
    for (int fed = 0; fed < (recall == 0 ? 2 * step : rows + step); fed += step) {
      cache.begin(pool);
      for (int l = 0; l < LAYERS; l++) {
        cache.extend(l, step);
        for (int i = 0; i < step; i++) {
          for (int d = 0; d < row.length; d++) {
            row[d] = random.nextFloat() - 0.5f;
          }
          cache.store(l, step, i, row, row, 0);
        }
      }
      cache.end(pool, step);
    }
    for (int l = 0; l < LAYERS; l++) {
      cache.extend(l, tokens);
    }
    sketchBytes = (double) cache.statistics().sketchBytes() / LAYERS;
    attention = new AttentionStep(shape, threads);
    batch = TokenBatch.of(cache, tokens);
    query = new float[tokens * HEADS * DIM];
    for (int i = 0; i < query.length; i++) {
      query[i] = (float) random.nextGaussian();
    }
    out = new float[query.length];
  }

  /** Stops the threads and frees the store. */
  @TearDown
  public void tearDown() {
    pool.close();
    cache.close();
  }

  /** Attention of one layer. */
  @Benchmark
  public float[] attend(Rates rates) {
    layer = (layer + 1) % LAYERS;
    attention.run(pool, batch, layer, query, out, HEADS * DIM);
    // Scores and weighted sums, two operations a dimension each.
    rates.add(limits, sketchBytes, 4.0 * HEADS * DIM * (128 + recall) * tokens);
    return out;
  }
}
