package io.calidrop.model;

import io.calidrop.attention.LayerRotations;
import io.calidrop.attention.PositionRotation;
import java.util.List;

/**
 * The rotations of a model's layers: one for all, or another one for layers that see a window; and
 * in models with long and short factors other ones for long contexts.
 */
final class Rotations {
  private static final PositionRotation NO_ROTATION = (x, offset, delta) -> {};

  private final LlamaConfig config;
  private final List<RotaryEmbedding> ofShort;
  private final List<RotaryEmbedding> ofLong;

  /**
   * @param factors {@code rope_freqs.weight}, or null
   * @param shortFactors {@code rope_factors_short.weight}, or null
   * @param longFactors {@code rope_factors_long.weight}, or null
   */
  Rotations(LlamaConfig config, float[] factors, float[] shortFactors, float[] longFactors) {
    this.config = config;
    ofShort = rotations(shortFactors == null ? factors : shortFactors);
    ofLong = longFactors == null ? ofShort : rotations(longFactors);
  }

  private List<RotaryEmbedding> rotations(float[] factors) {
    RopeConfig rope = config.rope();
    RotaryEmbedding full = rotation(rope.frequencies(factors), rope.magnitude());
    return hasWindowed() ? List.of(full, rotation(rope.windowFrequencies(), 1)) : List.of(full);
  }

  private RotaryEmbedding rotation(double[] frequencies, float magnitude) {
    return new RotaryEmbedding(frequencies, config.headDim(), config.rope().pairing(), magnitude);
  }

  private boolean hasWindowed() {
    return config.windows().tokens() > 0 && !config.rope().isUniform();
  }

  /** How many there are. */
  int count() {
    return ofShort.size();
  }

  /** Pairs of dimensions that each rotates. */
  int pairs() {
    return ofShort.getFirst().pairs();
  }

  /** The rotations of a sequence with so many positions. */
  List<RotaryEmbedding> of(int contextLength) {
    return contextLength > config.rope().originalContext() ? ofLong : ofShort;
  }

  /** The rotation of each layer's keys, for a sequence with so many positions. */
  LayerRotations ofLayers(int contextLength) {
    List<RotaryEmbedding> rotations = of(contextLength);
    return layer -> ofLayer(layer) < 0 ? NO_ROTATION : rotations.get(ofLayer(layer));
  }

  /** The number of a layer's rotation, or -1 where it has none. */
  int ofLayer(int layer) {
    if (!config.isRotated(layer)) {
      return -1;
    }
    return hasWindowed() && config.windows().has(layer) ? 1 : 0;
  }
}
