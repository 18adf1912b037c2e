package io.calidrop.attention;

/** The rotation of each layer's keys. Threads ask side by side. */
@FunctionalInterface
public interface LayerRotations {
  /** The rotation of a layer; one that does nothing where the layer knows no positions. */
  PositionRotation ofLayer(int layer);
}
