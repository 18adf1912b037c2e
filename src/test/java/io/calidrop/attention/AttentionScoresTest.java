package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttentionScoresTest {
  /** By the trapezoidal rule. */
  private static double logMeanExp(AttentionScores scores, double mean, double variance) {
    double sum = 0;
    double step = 1e-3;
    for (double z = -8; z <= 8; z += step) {
      double density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
      double dot = (mean + z * Math.sqrt(variance)) / scores.scale();
      sum += step * density * Math.exp(AttentionStream.score(scores, dot));
    }
    return Math.log(sum);
  }

  @ParameterizedTest
  @CsvSource({"0, 0, 1", "0, 3, 2", "5, 0, 0.01", "5, 4, 0.01", "5, -9, 0.01", "50, 20, 0.1"})
  void theMeanOfNormalScoresHasAClosedForm(float cap, double mean, double variance) {
    AttentionScores scores = new AttentionScores(0.25f, cap);
    assertThat(scores.logMeanExp(mean, variance))
        .isCloseTo(logMeanExp(scores, mean, variance), within(2e-3));
  }

  @Test
  void aScoreIsScaledThenCapped() {
    float[] x = {3, -1, 2};
    float[] y = {7, 2, 0.5f};
    assertThat((double) new AttentionScores(0.5f, 4).score(x, 0, y, 0, 3))
        .isCloseTo(4 * Math.tanh(10 / 4.0), within(1e-6));
    assertThat(new AttentionScores(0.5f).score(x, 0, y, 0, 3)).isEqualTo(10);
    assertThatThrownBy(() -> new AttentionScores(1, -1)).hasMessageContaining("soft cap");
  }
}
