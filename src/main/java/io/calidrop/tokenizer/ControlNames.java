package io.calidrop.tokenizer;

import java.util.Set;
import java.util.regex.Pattern;

/**
 * Names that only tokens of a chat template or of a text's edge have. Files that were converted by
 * other tools, or edited, give such tokens the type of ordinary ones.
 *
 * <p>{@code <s>} and {@code </s>} are not among them: vocabularies that learnt HTML have these as
 * words, next to a BOS and an EOS of another name.
 */
final class ControlNames {
  /** A letter has to be in it: {@code <|>} is an operator, and an ordinary token. */
  private static final Pattern BARRED =
      Pattern.compile("<[|\uff5c][^<>|\uff5c]*\\p{L}[^<>|\uff5c]*[|\uff5c]>");

  private static final Set<String> OTHERS =
      Set.of(
          "<start_of_turn>",
          "<end_of_turn>",
          "<|turn>",
          "<turn|>",
          "<end_of_utterance>",
          "<bos>",
          "<eos>",
          "<EOT>",
          "_<EOT>",
          "[EOT]",
          "[EOS]",
          "[INST]",
          "[/INST]");

  private static final String FIRST = "<[_";

  private static final Pattern BRACKETED = Pattern.compile("<.+>|\\[.+]");

  private ControlNames() {}

  /** Whether a name of either kind may begin with this byte. */
  static boolean mayBegin(int first) {
    return FIRST.indexOf(first) >= 0;
  }

  static boolean contains(String name) {
    return OTHERS.contains(name) || BARRED.matcher(name).matches();
  }

  /** Whether a token that the file declares to begin or end a text looks the part. */
  static boolean looksLikeMarker(String name) {
    return BRACKETED.matcher(name).matches();
  }
}
