package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;

/**
 * SnapKV (arXiv 2404.14469): the mean attention of the window's queries, average-pooled over
 * neighbouring rows. Pooling keeps a clue together with its surroundings. Rows of the window itself
 * do not enter the pooling of those before.
 */
public record SnapKvPolicy() implements EvictionPolicy {
  private static final int KERNEL = 7;

  @Override
  public String name() {
    return "snapkv";
  }

  @Override
  public Observation observation() {
    return Observation.WINDOW;
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    pooled(rows, scores);
  }

  /** The pooled attention of each row. */
  static void pooled(HeadRows rows, float[] scores) {
    int count = rows.count();
    int end = Math.max(0, count - rows.budget().window());
    for (int row = 0; row < count; row++) {
      double sum = 0;
      int to = row < end ? Math.min(end, row + KERNEL / 2 + 1) : row + 1;
      for (int i = row < end ? Math.max(0, row - KERNEL / 2) : row; i < to; i++) {
        sum += rows.share(i);
      }
      scores[row] = (float) sum;
    }
  }
}
