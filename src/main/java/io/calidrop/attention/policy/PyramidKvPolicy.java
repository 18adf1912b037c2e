package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;
import io.calidrop.attention.LayerCandidates;
import java.util.Arrays;

/**
 * PyramidKV (arXiv 2406.02069): SnapKV's scores, and more rows for lower layers. Of the F rows that
 * a head may choose the last layer gets F / 20, the first 2F less that, those between along a line;
 * all layers together keep as many as without.
 */
public record PyramidKvPolicy() implements EvictionPolicy {
  private static final double BETA = 20;

  @Override
  public String name() {
    return "pyramidkv";
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
    int layer = candidates.layer();
    // Each layer gets what the rounded sums over layers differ by, so that the total stays.
    long before = Math.round(free(candidates.free(), layer, candidates.layers()));
    long after = Math.round(free(candidates.free(), layer + 1, candidates.layers()));
    Arrays.fill(out, candidates.fixed() + (int) (after - before));
  }

  @Override
  public int mostRows(int budget, int kvHeads) {
    return 2 * budget;
  }

  /** Free rows of the first {@code n} layers together. */
  private static double free(int free, int n, int layers) {
    if (layers == 1) {
      return (double) n * free;
    }
    double min = free / BETA;
    double max = 2 * free - min;
    return n * max - (max - min) * n * (n - 1) / 2 / (layers - 1);
  }
}
