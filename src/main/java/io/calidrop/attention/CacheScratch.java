package io.calidrop.attention;

import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.EvictionPolicy.Observation;
import io.calidrop.tensor.VectorShape;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * What the threads of a pool prune caches with. One will do for all caches of a model, of which one
 * at a time is pruned: sessions that are decoded together do not each need their own. Threads may
 * make caches with it side by side.
 */
public final class CacheScratch {
  private final CacheShape shape;
  private final int threads;
  private float[][] scores = {}; // [heads][rows]
  private final Map<Fit, Worker[]> workers = new HashMap<>();

  /** What the size of a thread's scratch depends on; no rows where nothing is fitted. */
  private record Fit(int rows, int samples) {}

  /** What one thread prunes with; the fit is null where nothing is fitted. */
  record Worker(RowSelection selection, EvictedRows evicted, EvictedRows folded, RowFit fit) {}

  /**
   * @param threads of the pool that caches are pruned by
   */
  public CacheScratch(CacheShape shape, int threads) {
    this.shape = shape;
    this.threads = threads;
  }

  int threads() {
    return threads;
  }

  /** Room for the scores of a head's rows, for the threads of the pool. */
  synchronized float[] scores(int head, int rows) {
    if (scores.length <= head) {
      scores = Arrays.copyOf(scores, shape.fullLayers().length * shape.kvHeads());
    }
    if (scores[head] == null || scores[head].length < rows) {
      scores[head] = new float[VectorShape.roundUp(rows, KvHead.BLOCK)];
    }
    return scores[head];
  }

  /** One for each thread. */
  synchronized Worker[] workers(CacheOptions options) {
    int least = options.policy().observation() == Observation.REPEAT ? ReadQueries.SAMPLES : 0;
    Fit key =
        options.calibration() instanceof Fold fold
            ? new Fit(fold.rows(), Math.max(least, fold.queries().samples()))
            : new Fit(0, 0);
    return workers.computeIfAbsent(key, this::newWorkers);
  }

  private Worker[] newWorkers(Fit size) {
    Worker[] made = new Worker[threads];
    Arrays.setAll(
        made,
        i ->
            new Worker(
                new RowSelection(),
                new EvictedRows(shape.headDim()),
                new EvictedRows(shape.headDim()),
                size.rows() == 0 ? null : new RowFit(shape, size.rows(), size.samples())));
    return made;
  }
}
