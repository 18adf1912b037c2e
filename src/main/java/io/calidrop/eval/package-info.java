/** What a bounded cache costs in quality: divergence from the full cache. */
package io.calidrop.eval;
