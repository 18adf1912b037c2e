package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;
import io.calidrop.attention.QuerySample;
import io.calidrop.tensor.VectorMath;
import java.util.Arrays;
import java.util.Optional;

/**
 * Expected Attention (arXiv 2510.00636): queries before rotation are taken to be normal, so the
 * expected weight of a key at the mean of the next 512 positions has a closed form. Scores are its
 * share of all rows, averaged over the group, times the norm of the value. Unlike the original,
 * which takes mean and covariance over a whole prompt, they are those of the last tokens' queries.
 *
 * @param sample which queries these are
 */
public record ExpectedAttentionPolicy(QuerySample sample) implements EvictionPolicy {
  private static final int FUTURE = 512;

  @Override
  public String name() {
    return "expected";
  }

  @Override
  public Optional<QuerySample> queries() {
    return Optional.of(sample);
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    int dim = rows.headDim();
    int count = rows.count();
    int samples = rows.queries();
    double scale = rows.scores().scale();
    float[] key = new float[dim];
    float[] mean = new float[dim];
    float[][] centred = new float[samples][dim]; // rotated deviations from the mean
    float[] logits = new float[count];
    Arrays.fill(scores, 0, count, 0f);
    for (int head = 0; head < rows.group(); head++) {
      sample(rows, head, mean, centred);
      float[] covariance = covariance(centred, dim);
      for (int row = 0; row < count; row++) {
        rows.key(row, key);
        double variance = 0;
        for (int d = 0; d < dim; d++) {
          variance += key[d] * VectorMath.dot(covariance, d * dim, key, 0, dim);
        }
        double score = scale * VectorMath.dot(key, 0, mean, 0, dim);
        logits[row] = (float) rows.scores().logMeanExp(score, scale * scale * variance);
      }
      Softmax.inPlace(logits, count);
      VectorMath.add(scores, 0, logits, 0, count);
    }
    float[] value = new float[dim];
    for (int row = 0; row < count; row++) {
      rows.value(row, value);
      scores[row] *= Norms.l2(value);
    }
  }

  /** Mean and deviations of a head's queries, rotated to the mean of the future positions. */
  private static void sample(HeadRows rows, int head, float[] mean, float[][] centred) {
    Arrays.fill(mean, 0);
    for (int i = 0; i < centred.length; i++) {
      rows.unrotatedQuery(i, head, centred[i]);
      VectorMath.add(mean, 0, centred[i], 0, mean.length);
    }
    for (int d = 0; d < mean.length; d++) {
      mean[d] /= centred.length;
    }
    int first = rows.position(rows.count() - 1) + 1;
    RotationMean rotation = new RotationMean(rows, first, FUTURE);
    for (float[] query : centred) {
      for (int d = 0; d < mean.length; d++) {
        query[d] -= mean[d];
      }
      rotation.apply(query);
    }
    rotation.apply(mean);
  }

  /** Covariance [dim][dim] of centred samples. */
  private static float[] covariance(float[][] centred, int dim) {
    float[] covariance = new float[dim * dim];
    for (float[] x : centred) {
      for (int i = 0; i < dim; i++) {
        float factor = x[i] / centred.length;
        for (int j = 0; j < dim; j++) {
          covariance[i * dim + j] += factor * x[j];
        }
      }
    }
    return covariance;
  }
}
