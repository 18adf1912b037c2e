package io.calidrop.attention;

/**
 * The rows of a layer among which a policy may choose.
 *
 * @param layer index of the layer
 * @param layers number of layers
 * @param budget rows that each head keeps on average
 * @param fixed how many of these are protected or recent and stay whatever their score
 * @param scores [kvHeads][rows]
 * @param from [kvHeads] first row of each head that may go
 * @param to [kvHeads] first row of each head's recent window
 */
public record LayerCandidates(
    int layer, int layers, int budget, int fixed, float[][] scores, int[] from, int[] to) {
  /** Rows that a head may choose on average. */
  public int free() {
    return budget - fixed;
  }
}
