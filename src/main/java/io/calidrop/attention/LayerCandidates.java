package io.calidrop.attention;

/**
 * The rows of the heads that share a budget, among which a policy may choose: those of a layer, or
 * of all layers together.
 *
 * @param layer index of the layer, or 0
 * @param layers number of layers that have budgets of their own
 * @param budget rows that each head keeps on average
 * @param most rows that a head may keep beyond that if it pays; not less than the budget
 * @param fixed how many of these are protected or recent and stay whatever their score
 * @param scores [heads][rows]
 * @param from [heads] first row of each head that may go
 * @param to [heads] first row of each head's recent window
 */
public record LayerCandidates(
    int layer,
    int layers,
    int budget,
    int most,
    int fixed,
    float[][] scores,
    int[] from,
    int[] to) {
  /** Rows that a head may choose on average. */
  public int free() {
    return budget - fixed;
  }
}
