package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;
import io.calidrop.attention.LayerCandidates;
import java.util.Arrays;

/**
 * Ada-KV (arXiv 2407.11550): SnapKV's scores, and the heads of a layer compete for rows. Of the F
 * rows that a head may choose it keeps a fifth in any case; the others go to the best scores of the
 * layer.
 */
public record AdaKvPolicy() implements EvictionPolicy {
  private static final double ALPHA = 0.2;

  @Override
  public String name() {
    return "adakv";
  }

  @Override
  public Observation observation() {
    return Observation.WINDOW;
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    SnapKvPolicy.pooled(rows, scores);
  }

  @Override
  public void divide(LayerCandidates candidates, int[] out) {
    divide(candidates, (int) (ALPHA * candidates.free()), Integer.MAX_VALUE, out);
  }

  /**
   * Gives each head {@code own} rows besides those that stay whatever their score, and the others
   * to the best scores of all.
   *
   * @param most rows besides that a head may have
   */
  static void divide(LayerCandidates candidates, int own, int most, int[] out) {
    int heads = out.length;
    int free = candidates.free();
    float[][] sorted = new float[heads][];
    int available = 0;
    for (int h = 0; h < heads; h++) {
      sorted[h] =
          Arrays.copyOfRange(candidates.scores()[h], candidates.from()[h], candidates.to()[h]);
      Arrays.sort(sorted[h]);
      int last = sorted[h].length;
      sorted[h] = Arrays.copyOfRange(sorted[h], Math.max(0, last - most), last);
      available += sorted[h].length;
      out[h] = Math.min(own, sorted[h].length);
    }
    int left = Math.min(heads * free, available) - Arrays.stream(out).sum();
    for (; left > 0; left--) {
      out[best(sorted, out)]++;
    }
    for (int h = 0; h < heads; h++) {
      out[h] += candidates.fixed();
    }
  }

  @Override
  public int mostRows(int budget, int kvHeads) {
    return kvHeads * budget;
  }

  /** The head whose next row has the highest score. */
  private static int best(float[][] sorted, int[] taken) {
    int best = -1;
    float score = 0;
    for (int h = 0; h < sorted.length; h++) {
      int next = sorted[h].length - 1 - taken[h];
      if (next >= 0 && (best < 0 || sorted[h][next] > score)) {
        best = h;
        score = sorted[h][next];
      }
    }
    return best;
  }
}
