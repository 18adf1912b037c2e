package io.calidrop.attention;

/**
 * Which layers of a model see a window of the last tokens only.
 *
 * @param tokens that such a layer sees, the current one among them; 0 where there is none
 * @param every every so many layers all but the last have the window
 */
public record LayerWindows(int tokens, int every) {
  /** Every layer sees everything. */
  public static final LayerWindows NONE = new LayerWindows(0, 1);

  /** What {@link #of} says of a layer that sees everything. */
  static final int EVERYTHING = Integer.MAX_VALUE;

  /** Whether a layer has the window. */
  public boolean has(int layer) {
    return tokens > 0 && (layer + 1) % every != 0;
  }

  /** Tokens that a layer sees. */
  int of(int layer) {
    return has(layer) ? tokens : EVERYTHING;
  }
}
