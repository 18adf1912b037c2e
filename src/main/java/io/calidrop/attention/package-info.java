/**
 * The KV cache and attention over it.
 *
 * <p>Attention over any set of cached rows yields a partial result (maximum, sum of exponentials,
 * weighted sum of values) that merges with that of any other set, see {@link
 * io.calidrop.attention.SoftmaxPartials}. Rows are attended in segments of fixed size and the
 * partials merged in order, so a result does not depend on batches or on the number of threads.
 */
package io.calidrop.attention;
