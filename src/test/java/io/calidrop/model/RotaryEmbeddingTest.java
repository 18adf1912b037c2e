package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calidrop.model.family.Architecture.Pairing;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RotaryEmbeddingTest {
  @ParameterizedTest
  @EnumSource(Pairing.class)
  void vectorsTurnToTheOriginEachFromItsOwnPosition(Pairing pairing) {
    int dim = 24;
    int length = 32;
    RotaryEmbedding rotation = new RotaryEmbedding(new double[] {1, 0.3, 1e-3}, dim, pairing, 2);
    int[] positions = {90_000, 90_001, 90_002, 7, 6, 8, 9, 0};
    Random random = new Random(1);
    float[] x = new float[5 + positions.length * length];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    float[] expected = x.clone();
    for (int i = 0; i < positions.length; i++) {
      rotation.rotate(expected, 5 + i * length, -positions[i]);
    }
    rotation.toOrigin(x, 5, positions.length, length, positions);
    for (int i = 0; i < x.length; i++) {
      assertThat(x[i]).isCloseTo(expected[i], within(1e-6f));
    }
  }
}
