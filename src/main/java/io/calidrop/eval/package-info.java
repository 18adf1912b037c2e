/**
 * What a bounded cache costs and what calibration gives back: divergence from the full cache,
 * synthetic tasks, perplexity, errors of attention, speed and bytes.
 */
package io.calidrop.eval;
