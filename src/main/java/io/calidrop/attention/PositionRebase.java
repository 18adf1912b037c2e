package io.calidrop.attention;

import io.calidrop.tensor.VectorMath;
import io.calidrop.tensor.WorkerPool;

/**
 * Moves everything that a bounded cache holds back by some positions, so that a sequence can
 * outgrow the trained context. Rows but the sinks go to {@code max(position - delta, first free
 * position)}, in order: recent rows keep their distances, what lies far back is squeezed together
 * behind the sinks. Keys are rotated by exactly the difference.
 */
final class PositionRebase {
  private final HeadState[] heads;
  private final ReferenceScratch[] scratch;
  private final PositionRotation rotation;
  private final WorkerPool.Task task = this::shift;
  private long seen;
  private int delta;
  private int sinks;

  PositionRebase(HeadState[] heads, ReferenceScratch[] scratch, PositionRotation rotation) {
    this.heads = heads;
    this.scratch = scratch;
    this.rotation = rotation;
  }

  void run(WorkerPool pool, long seen, int delta, int sinks) {
    this.seen = seen;
    this.delta = delta;
    this.sinks = sinks;
    pool.run(task, heads.length);
  }

  private void shift(int index, int worker) {
    HeadState head = heads[index];
    float[] key = new float[head.rows.headDim];
    int free = sinks;
    for (int row = sinks; row < head.rows.rows(); row++) {
      int position = Math.max(head.position(row) - delta, free);
      rotate(head.rows, row, position - head.position(row), key);
      head.setPosition(row, position);
      free = position + 1;
    }
    if (head.queries != null) {
      head.queries.shift(rotation, delta);
    }
    if (head.calibration != null) {
      shift(head.calibration, head.queries, key);
    }
    if (head.references != null) {
      head.references.shift(rotation, delta, sinks, scratch[worker]);
    }
  }

  /**
   * Rows that would lie further back than the context are squeezed too. What stands for many tokens
   * then faces the queries at another angle: its bias keeps its mass on the last queries.
   */
  private void shift(CalibrationRows rows, QueryRing queries, float[] key) {
    for (int row = 0; row < rows.count(); row++) {
      int exact = rows.positions[row] - delta;
      int position = Math.max(exact, sinks);
      rotate(rows.rows, row, -delta, key);
      if (position != exact) {
        double before = mass(rows.rows, row, queries, key);
        rotate(rows.rows, row, position - exact, key);
        double after = mass(rows.rows, row, queries, key);
        rows.bias[row] += (float) Math.log(before / after);
      }
      rows.positions[row] = position;
    }
  }

  private double mass(KvHead rows, int row, QueryRing queries, float[] key) {
    float[] query = new float[key.length];
    rows.getKey(row, key, 0);
    double sum = 0;
    int n = queries.count(seen);
    for (int i = 0; i < n; i++) {
      long index = queries.index(i, seen);
      for (int h = 0; h < queries.group(); h++) {
        queries.get(index, h, query, 0);
        double score = VectorMath.dot(query, 0, key, 0, key.length) / Math.sqrt(key.length);
        sum += Math.exp(score - queries.logSumExp(index, h));
      }
    }
    return sum;
  }

  private void rotate(KvHead rows, int row, int by, float[] key) {
    if (by != 0) {
      rows.getKey(row, key, 0);
      rotation.rotate(key, 0, by);
      rows.setKey(row, key, 0);
    }
  }
}
