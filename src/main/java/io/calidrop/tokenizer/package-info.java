/**
 * Tokenizers of the two kinds that Llama-family GGUF files carry: SentencePiece and byte-level BPE.
 */
package io.calidrop.tokenizer;
