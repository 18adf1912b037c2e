/**
 * The choice of the next token from logits. {@link io.calidrop.sampling.SamplerChain} runs the
 * usual stages in the order that llama.cpp made customary, so that options mean what users expect.
 */
package io.calidrop.sampling;
