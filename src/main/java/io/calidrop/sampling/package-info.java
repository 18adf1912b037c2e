/** Choosing the next token from logits: a chain of filters and a seeded draw. */
package io.calidrop.sampling;
