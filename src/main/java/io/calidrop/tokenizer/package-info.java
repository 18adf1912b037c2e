/**
 * Tokenizers of the kinds that GGUF files of language models carry: SentencePiece, byte-level BPE
 * and BPE over characters.
 */
package io.calidrop.tokenizer;
