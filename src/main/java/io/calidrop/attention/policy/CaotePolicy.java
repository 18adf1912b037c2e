package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;
import io.calidrop.attention.LayerCandidates;
import io.calidrop.attention.QuerySample;
import java.util.Optional;

/**
 * CAOTE (arXiv 2504.14051), around any policy: the error of the attention output that evicting a
 * row alone would leave, {@code a / (1 - a) * norm(o - v)}, with the wrapped scores, normalised to
 * sum 1, as attention {@code a} and {@code o = sum a v}. Scores that can be negative are normalised
 * by softmax. The wrapped scores are those of the whole group, so one output stands for its heads.
 */
public record CaotePolicy(EvictionPolicy wrapped) implements EvictionPolicy {
  @Override
  public String name() {
    return "caote:" + wrapped.name();
  }

  @Override
  public Observation observation() {
    return wrapped.observation();
  }

  @Override
  public Optional<QuerySample> queries() {
    return wrapped.queries();
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    int count = rows.count();
    int dim = rows.headDim();
    wrapped.score(rows, scores);
    normalise(scores, count);
    float[] value = new float[dim];
    float[] output = new float[dim];
    for (int row = 0; row < count; row++) {
      rows.value(row, value);
      for (int d = 0; d < dim; d++) {
        output[d] += scores[row] * value[d];
      }
    }
    for (int row = 0; row < count; row++) {
      rows.value(row, value);
      for (int d = 0; d < dim; d++) {
        value[d] -= output[d];
      }
      double a = scores[row];
      scores[row] = a >= 1 ? Float.MAX_VALUE : (float) (a / (1 - a) * Norms.l2(value));
    }
  }

  private static void normalise(float[] scores, int count) {
    double sum = 0;
    boolean negative = false;
    for (int row = 0; row < count; row++) {
      sum += scores[row];
      negative |= scores[row] < 0;
    }
    if (negative || !(sum > 0)) {
      Softmax.inPlace(scores, count);
      return;
    }
    for (int row = 0; row < count; row++) {
      scores[row] /= (float) sum;
    }
  }

  @Override
  public void combine(float[][] scores, int[] rows) {
    wrapped.combine(scores, rows);
  }

  @Override
  public boolean isOverLayers() {
    return wrapped.isOverLayers();
  }

  @Override
  public void divide(LayerCandidates candidates, int[] out) {
    wrapped.divide(candidates, out);
  }

  @Override
  public int mostRows(int budget, int kvHeads) {
    return wrapped.mostRows(budget, kvHeads);
  }
}
