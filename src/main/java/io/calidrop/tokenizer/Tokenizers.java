package io.calidrop.tokenizer;

import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;

/** Makes the tokenizer that a GGUF file describes. */
public final class Tokenizers {
  private static final int[] SENTENCE_PIECE_IDS = {1, 2, 0};
  private static final int[] NO_IDS = {-1, -1, -1};

  private Tokenizers() {}

  /**
   * @throws ModelFormatException if the kind of tokenizer is not supported or its data is
   *     inconsistent
   */
  public static Tokenizer from(Metadata metadata) {
    String model = metadata.string("tokenizer.ggml.model");
    return switch (model) {
      case "llama" ->
          new SentencePieceTokenizer(new Vocabulary(metadata, SENTENCE_PIECE_IDS), metadata);
      case "gpt2" ->
          new BytePairTokenizer(
              new Vocabulary(metadata, NO_IDS),
              PreTokenizer.of(metadata.string("tokenizer.ggml.pre", "default")),
              metadata);
      default ->
          throw new ModelFormatException(
              "tokenizer model %s is not supported; supported: llama (SentencePiece), gpt2 (byte-level BPE)"
                  .formatted(model));
    };
  }
}
