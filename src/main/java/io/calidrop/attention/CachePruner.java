package io.calidrop.attention;

import io.calidrop.tensor.WorkerPool;

/**
 * The one place where rows leave a cache: a policy scores them, each head keeps the best within its
 * budget; what leaves goes into the store, and what leaves that, or finds none, is folded into
 * calibration rows. Heads are pruned in parallel.
 */
final class CachePruner {
  /** Rows beyond those kept whose memory stays, so that it need not be allocated again. */
  private static final int MOST_SLACK = 256;

  private final HeadState[] heads; // [layers that see everything][kvHeads]
  private final int sharing; // heads with a common budget
  private final int most; // rows that a head may keep
  private final CacheBudget budget;
  private final EvictionPolicy policy;
  private final HeadRows[] views; // [layers][kvHeads]
  private final int[] keep; // [layers][kvHeads] rows that a head keeps
  private final CacheScratch scratch;
  private final CacheScratch.Worker[] workers; // [threads]
  private final WorkerPool.Task scoreTask = this::score;
  private final WorkerPool.Task pruneTask = this::prune;

  /* The arguments of the policy, for heads with a common budget. */
  private final float[][] sharedScores; // [sharing][rows]
  private final int[] sharedRows; // [sharing]
  private final int[] from; // [sharing]
  private final int[] to; // [sharing]
  private final int[] divided; // [sharing]

  private long seen;
  private int protectedRows;
  private int slack;
  private int shift;

  /**
   * @param most rows that a head may keep
   */
  CachePruner(
      HeadState[] heads,
      CacheShape shape,
      CacheOptions options,
      int most,
      CacheScratch scratch,
      PositionRotation[] rotations) {
    this.heads = heads;
    this.most = most;
    budget = options.budget().orElseThrow();
    policy = options.policy();
    sharing = policy.isOverLayers() ? heads.length : shape.kvHeads();
    views = new HeadRows[heads.length];
    keep = new int[heads.length];
    for (int i = 0; i < heads.length; i++) {
      views[i] = new HeadRows(heads[i], shape, budget, rotations[i]);
    }
    this.scratch = scratch;
    workers = scratch.workers(options);
    sharedScores = new float[sharing][];
    sharedRows = new int[sharing];
    from = new int[sharing];
    to = new int[sharing];
    divided = new int[sharing];
  }

  /**
   * Prunes every head that holds more than its budget and {@code slack} rows.
   *
   * @param seen tokens that the sequence has had
   * @param protectedRows first rows of each head that stay
   * @param shift by which positions are less than those in the sequence
   */
  void run(WorkerPool pool, long seen, int protectedRows, int slack, int shift) {
    this.seen = seen;
    this.protectedRows = protectedRows;
    this.slack = slack;
    this.shift = shift;
    pool.run(scoreTask, heads.length);
    for (int first = 0; first < heads.length; first += sharing) {
      divide(first);
    }
    pool.run(pruneTask, heads.length);
  }

  private void score(int head, int worker) {
    policy.score(views[head].at(seen), scores(head));
  }

  /** Divides the budget of heads {@code [first, first + sharing)}. */
  private void divide(int first) {
    for (int h = 0; h < sharing; h++) {
      HeadState head = heads[first + h];
      sharedScores[h] = scores(first + h);
      sharedRows[h] = head.rows.rows();
      from[h] = firstCandidate(sharedRows[h]);
      to[h] = endOfCandidates(sharedRows[h]);
    }
    policy.combine(sharedScores, sharedRows);
    policy.divide(
        new LayerCandidates(
            first / sharing,
            heads.length / sharing,
            budget.rows(),
            most,
            protectedRows + budget.window(),
            sharedScores,
            from,
            to),
        divided);
    System.arraycopy(divided, 0, keep, first, sharing);
  }

  private float[] scores(int head) {
    return scratch.scores(head, heads[head].rows.rows());
  }

  private int firstCandidate(int rows) {
    return Math.min(protectedRows, rows);
  }

  private int endOfCandidates(int rows) {
    return Math.max(firstCandidate(rows), rows - budget.window());
  }

  private void prune(int index, int worker) {
    HeadState head = heads[index];
    int rows = head.rows.rows();
    if (rows <= keep[index] + slack) {
      return;
    }
    CacheScratch.Worker tools = workers[worker];
    int first = firstCandidate(rows);
    int end = endOfCandidates(rows);
    int free = keep[index] - (rows - (end - first));
    boolean[] kept = tools.selection().select(scores(index), rows, first, end, free);
    EvictedRows folded = tools.folded();
    folded.clear();
    tools.evicted().clear();
    CalibrationRows calibration = head.calibration;
    for (int row = 0; calibration != null && row < calibration.count(); row++) {
      folded.add(calibration.rows, row, calibration.bias(row), calibration.positions[row]);
    }
    EvictedRows evicted = head.stored == null ? folded : tools.evicted();
    int count = 0;
    for (int row = 0; row < rows; row++) {
      if (!kept[row]) {
        evicted.add(head.rows, row, 0, head.position(row));
      } else {
        if (row != count) {
          head.move(row, count);
        }
        count++;
      }
    }
    head.rows.keepNewest(kept, count);
    head.rows.truncate(count);
    head.release(count + Math.min(budget.pruneInterval(), MOST_SLACK));
    head.evict(rows - count);
    int before = calibration == null ? 0 : calibration.count();
    if (head.stored != null) {
      head.stored.age(seen, seen + budget.pruneInterval());
      head.stored.add(evicted, shift, folded);
    }
    if (calibration != null && folded.count() > before) {
      if (head.reading != null) {
        tools.fit().fold(calibration, folded, head.reading.ring(), head.reading.tokens());
      } else {
        tools.fit().fold(calibration, folded, head.queries, seen);
      }
    }
    if (head.references != null) {
      head.references.evict(evicted, head.queries, seen - 1);
    }
  }
}
