package io.calidrop.attention;

import io.calidrop.tensor.WorkerPool;

/**
 * Moves everything that a bounded cache holds back by some positions, so that a sequence can
 * outgrow the trained context. Rows but the sinks go to {@code max(position - delta, first free
 * position)}, in order: recent rows keep their distances, what lies far back is squeezed together
 * behind the sinks. Keys are rotated by exactly the difference. What is stored does not move:
 * {@link StoredRows} goes by positions in the sequence.
 */
final class PositionRebase {
  private final HeadState[] heads;
  private final PositionRotation[] rotations; // [heads]
  private final WorkerPool.Task task = this::shift;
  private int delta;
  private int sinks;

  PositionRebase(HeadState[] heads, PositionRotation[] rotations) {
    this.heads = heads;
    this.rotations = rotations;
  }

  void run(WorkerPool pool, int delta, int sinks) {
    this.delta = delta;
    this.sinks = sinks;
    pool.run(task, heads.length);
  }

  private void shift(int index, int worker) {
    HeadState head = heads[index];
    PositionRotation rotation = rotations[index];
    float[] key = new float[head.rows.headDim];
    int free = sinks;
    for (int row = sinks; row < head.rows.rows(); row++) {
      int position = Math.max(head.position(row) - delta, free);
      rotate(rotation, head.rows, row, position - head.position(row), key);
      head.setPosition(row, position);
      free = position + 1;
    }
    if (head.queries != null) {
      head.queries.shift(rotation, delta);
    }
    if (head.calibration != null) {
      shift(rotation, head.calibration, key);
    }
    if (head.references != null) {
      head.references.shift(rotation, delta);
    }
  }

  /**
   * Rows that would fall behind the sinks are dropped. What stands for many tokens cannot be
   * squeezed as a token can: turned to another angle its mass is another, and kept it would be
   * handed on for ever, for a past that no model was trained to look back on.
   */
  private void shift(PositionRotation rotation, CalibrationRows rows, float[] key) {
    int kept = 0;
    for (int row = 0; row < rows.count(); row++) {
      int position = rows.positions[row] - delta;
      if (position >= sinks) {
        rows.move(row, kept);
        rows.positions[kept] = position;
        rotate(rotation, rows.rows, kept, -delta, key);
        kept++;
      }
    }
    rows.truncate(kept);
  }

  private static void rotate(PositionRotation rotation, KvHead rows, int row, int by, float[] key) {
    if (by != 0) {
      rows.getKey(row, key, 0);
      rotation.rotate(key, 0, by);
      rows.setKey(row, key, 0);
    }
  }
}
