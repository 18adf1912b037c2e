package io.calidrop.attention;

import java.util.Arrays;
import java.util.Optional;

/**
 * Scores the rows of a cache; one place, {@link CachePruner}, prunes. Policies hold no state of a
 * conversation: what they need of one is in {@link HeadRows}. Threads score heads side by side with
 * one policy.
 */
public interface EvictionPolicy {
  /** Queries whose attention the kernel adds up for {@link HeadRows#share}. */
  enum Observation {
    NONE,
    /** The last token before a prune. */
    LAST,
    /** The window before a prune, {@link CacheBudget#window}. */
    WINDOW,
    /** All tokens since a row came into the cache. */
    ALL,
    /**
     * All tokens since a row came into the cache, of which the largest attention counts, not the
     * sum. Of a prompt that is attended whole it is not the first reading that counts: it is read a
     * second time before anything is evicted.
     */
    REPEAT
  }

  /** Name on the command line and in tables. */
  String name();

  /** What the kernel has to observe. */
  default Observation observation() {
    return Observation.NONE;
  }

  /**
   * The last queries that {@link HeadRows} must hold, if any. A calibration that is fitted on
   * queries has its own say which they are.
   */
  default Optional<QuerySample> queries() {
    return Optional.empty();
  }

  /**
   * Scores every row of a head; those with the highest scores stay.
   *
   * @param scores [rows], overwritten
   */
  void score(HeadRows rows, float[] scores);

  /**
   * Adjusts the scores of the heads that share a budget to each other.
   *
   * @param scores [heads][rows]
   * @param rows [heads] rows of each head
   */
  default void combine(float[][] scores, int[] rows) {}

  /**
   * Whether the heads of all layers share one budget, not only those of each. {@link #divide} then
   * keeps to {@link LayerCandidates#most}.
   */
  default boolean isOverLayers() {
    return false;
  }

  /**
   * Divides a layer's budget, or that of all layers, among the heads.
   *
   * @param out [heads] rows that each head keeps
   */
  default void divide(LayerCandidates candidates, int[] out) {
    Arrays.fill(out, candidates.budget());
  }

  /** Most rows that {@link #divide} may give to one of {@code kvHeads} heads. */
  default int mostRows(int budget, int kvHeads) {
    return budget;
  }
}
