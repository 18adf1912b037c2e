/**
 * What a text may be: JSON schemas compiled to automata over the bytes of UTF-8, and which tokens
 * of a vocabulary go on from where a text is.
 */
package io.calidrop.constraint;
