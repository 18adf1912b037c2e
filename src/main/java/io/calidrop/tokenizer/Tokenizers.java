package io.calidrop.tokenizer;

import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;
import java.util.List;

/** Makes the tokenizer that a GGUF file describes. */
public final class Tokenizers {
  private static final String PRE_TOKENIZER = "tokenizer.ggml.pre";
  private static final String DEFAULT_PRE_TOKENIZER = "default";
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
          bytePair(
              metadata,
              metadata.string(PRE_TOKENIZER, DEFAULT_PRE_TOKENIZER),
              metadata.contains(PRE_TOKENIZER) ? List.of() : List.of(missingPreTokenizer()));
      case "gemma4" -> bytePair(metadata, model, List.of());
      default ->
          throw new ModelFormatException(
              "tokenizer model %s is not supported; supported: llama (SentencePiece), gpt2 (byte-level BPE), gemma4"
                  .formatted(model));
    };
  }

  private static Tokenizer bytePair(Metadata metadata, String preTokenizer, List<String> notices) {
    return new BytePairTokenizer(
        new Vocabulary(metadata, NO_IDS), PreTokenizer.of(preTokenizer), metadata, notices);
  }

  private static String missingPreTokenizer() {
    return "the file does not say how it cuts text into words (%s): taken as %s, which may be wrong"
        .formatted(PRE_TOKENIZER, DEFAULT_PRE_TOKENIZER);
  }
}
