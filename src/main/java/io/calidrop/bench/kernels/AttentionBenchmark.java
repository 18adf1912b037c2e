package io.calidrop.bench.kernels;

import io.calidrop.attention.AttentionStep;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.KvCache;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.TokenBatch;
import io.calidrop.bench.Roofline;
import io.calidrop.tensor.WorkerPool;
import java.util.Locale;
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
 * Attention in the shape of SmolLM2, 9 query heads on 3 KV heads of 64 dimensions, of one token
 * (decoding) and of 64 (prefill), softmax included. Layers take turns, so that keys and values come
 * from memory.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class AttentionBenchmark {
  private static final int HEADS = 9;
  private static final int KV_HEADS = 3;
  private static final int DIM = 64;
  private static final int LAYERS = 30;

  /** Number formats of the cache. */
  @Param({"f16", "f32", "q8_0", "q5_0", "k5v4", "q4_0"})
  public String kvType;

  /** Rows of the cache. */
  @Param({"1024", "8192"})
  public int rows;

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
  private int layer;

  /** Fills a cache. */
  @Setup
  public void setUp() {
    limits = Roofline.measure(threads);
    pool = new WorkerPool(threads);
    CacheShape shape = new CacheShape(LAYERS, HEADS, KV_HEADS, DIM);
    KvTypes types =
        kvType.equals("k5v4")
            ? new KvTypes(KvType.Q5_0, KvType.Q4_0)
            : KvTypes.of(KvType.valueOf(kvType.toUpperCase(Locale.ROOT)));
    cache = KvCache.of(shape, CacheOptions.full(types), rows, threads, (x, offset, delta) -> {});
    Random random = new Random(1);
    float[] row = new float[KV_HEADS * DIM];
    for (int l = 0; l < LAYERS; l++) {
      cache.extend(l, rows);
      for (int i = 0; i < rows; i++) {
        for (int d = 0; d < row.length; d++) {
          row[d] = (float) random.nextGaussian();
        }
        cache.store(l, rows, i, row, row, 0);
      }
    }
    attention = new AttentionStep(shape, threads);
    batch = TokenBatch.of(cache, tokens);
    query = new float[tokens * HEADS * DIM];
    for (int i = 0; i < query.length; i++) {
      query[i] = (float) random.nextGaussian();
    }
    out = new float[query.length];
  }

  /** Stops the threads. */
  @TearDown
  public void tearDown() {
    pool.close();
  }

  /** Attention of one layer. */
  @Benchmark
  public float[] attend(Rates rates) {
    layer = (layer + 1) % LAYERS;
    attention.run(pool, batch, layer, query, out, HEADS * DIM);
    // Scores and weighted sums, two operations a dimension each.
    rates.add(
        limits, (double) cache.statistics().bytes() / LAYERS, 4.0 * HEADS * DIM * rows * tokens);
    return out;
  }
}
