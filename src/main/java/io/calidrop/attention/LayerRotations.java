package io.calidrop.attention;

/** The rotation of each layer's keys. */
@FunctionalInterface
public interface LayerRotations {
  /** The rotation of a layer; one that does nothing where the layer knows no positions. */
  PositionRotation ofLayer(int layer);
}
