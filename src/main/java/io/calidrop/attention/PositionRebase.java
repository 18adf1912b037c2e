package io.calidrop.attention;

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
  private int delta;
  private int sinks;

  PositionRebase(HeadState[] heads, ReferenceScratch[] scratch, PositionRotation rotation) {
    this.heads = heads;
    this.scratch = scratch;
    this.rotation = rotation;
  }

  void run(WorkerPool pool, int delta, int sinks) {
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
    CalibrationRows calibration = head.calibration;
    for (int row = 0; calibration != null && row < calibration.count(); row++) {
      int position = Math.max(calibration.positions[row] - delta, sinks);
      rotate(calibration.rows, row, position - calibration.positions[row], key);
      calibration.positions[row] = position;
    }
    if (head.queries != null) {
      head.queries.shift(rotation, delta);
    }
    if (head.references != null) {
      head.references.shift(rotation, delta, sinks, scratch[worker]);
    }
  }

  private void rotate(KvHead rows, int row, int by, float[] key) {
    if (by != 0) {
      rows.getKey(row, key, 0);
      rotation.rotate(key, 0, by);
      rows.setKey(row, key, 0);
    }
  }
}
