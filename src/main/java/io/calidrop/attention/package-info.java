/**
 * The KV cache and attention over it.
 *
 * <p>Attention over any set of cached rows yields a partial result (maximum, sum of exponentials,
 * weighted sum of values) that merges with that of any other set, see {@link
 * io.calidrop.attention.SoftmaxPartials}. Rows are attended in segments of fixed size and the
 * partials merged in order, so a result does not depend on batches or on the number of threads.
 *
 * <p>With a budget a {@link io.calidrop.attention.KvCache} evicts rows that an {@link
 * io.calidrop.attention.EvictionPolicy} scores low, and calibration stands in for them: see
 * docs/CALIDROP.md.
 */
package io.calidrop.attention;
