/**
 * JMH benchmarks of the kernels. They run in a fork each, see {@link
 * io.calidrop.bench.kernels.KernelBenchmarks}; JMH generates code for them when they are compiled.
 */
package io.calidrop.bench.kernels;
