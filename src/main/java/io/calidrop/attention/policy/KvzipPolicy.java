package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;
import io.calidrop.attention.LayerCandidates;

/**
 * KVzip (arXiv 2505.23416): the largest attention that a row has from any query when the model
 * reads the prompt a second time, asked to repeat it, and from any token after that; from any token
 * since it came where no prompt is attended whole. The best rows of all layers and heads stay. The
 * original scores the rows of a piece of the prompt while that piece is repeated, here every piece
 * scores all rows; its pieces are longer.
 */
public record KvzipPolicy() implements EvictionPolicy {
  @Override
  public String name() {
    return "kvzip";
  }

  @Override
  public Observation observation() {
    return Observation.REPEAT;
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    for (int row = 0; row < rows.count(); row++) {
      scores[row] = (float) rows.share(row);
    }
  }

  @Override
  public boolean isOverLayers() {
    return true;
  }

  @Override
  public void divide(LayerCandidates candidates, int[] out) {
    AdaKvPolicy.divide(candidates, 0, candidates.most() - candidates.fixed(), out);
  }

  /** The budget of all, where nothing sets a limit. */
  @Override
  public int mostRows(int budget, int kvHeads) {
    return Integer.MAX_VALUE / 2;
  }
}
