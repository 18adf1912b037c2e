/** Benchmarks: how fast a model runs on this machine. */
package io.calidrop.bench;
