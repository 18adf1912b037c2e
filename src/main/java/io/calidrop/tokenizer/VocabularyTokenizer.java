package io.calidrop.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** What both kinds of tokenizers have in common: special tokens and the metadata's rules. */
abstract class VocabularyTokenizer implements Tokenizer {
  private static final byte[] NONE = {};

  final Vocabulary vocabulary;
  private final SpecialTokens specials;
  private final Set<Integer> ends;
  private final boolean addsBos;
  private final List<String> notices;

  /**
   * @param notices what of the file was taken otherwise than it says, the vocabulary's tokens aside
   */
  VocabularyTokenizer(Vocabulary vocabulary, boolean addsBos, List<String> notices) {
    this.vocabulary = vocabulary;
    this.ends = vocabulary.ends();
    this.specials = new SpecialTokens(vocabulary);
    this.addsBos = addsBos && vocabulary.bos() >= 0;
    this.notices = Stream.concat(notices.stream(), vocabulary.notices().stream()).toList();
  }

  /**
   * Appends the tokens of text without special tokens.
   *
   * @param first whether it begins the text or follows a special token
   */
  abstract void encodeText(String text, boolean first, TokenList out);

  /** The bytes of a normal token, or a byte token. */
  abstract byte[] normalBytes(int token);

  @Override
  public final int[] encode(String text, boolean parseSpecial) {
    TokenList out = new TokenList();
    int from = 0;
    boolean first = true;
    while (from < text.length()) {
      SpecialTokens.Match match = specials.find(text, from, parseSpecial);
      int end = match == null ? text.length() : match.start();
      if (end > from) {
        encodeText(text.substring(from, end), first, out);
        first = false;
      }
      if (match == null) {
        break;
      }
      out.add(match.token());
      first = true;
      from = match.end();
    }
    return out.toArray();
  }

  @Override
  public final byte[] bytes(int token) {
    return switch (vocabulary.type(token)) {
      case CONTROL, UNKNOWN -> NONE;
      case USER_DEFINED -> vocabulary.token(token).getBytes(StandardCharsets.UTF_8);
      default -> normalBytes(token);
    };
  }

  @Override
  public final String piece(int token) {
    return vocabulary.token(token);
  }

  @Override
  public final int vocabularySize() {
    return vocabulary.size();
  }

  @Override
  public final int bos() {
    return vocabulary.bos();
  }

  @Override
  public final int eos() {
    return vocabulary.eos();
  }

  @Override
  public final boolean addsBos() {
    return addsBos;
  }

  @Override
  public final Set<Integer> endTokens() {
    return ends;
  }

  @Override
  public final List<String> notices() {
    return notices;
  }

  @Override
  public final boolean isControl(int token) {
    TokenType type = vocabulary.type(token);
    return type == TokenType.CONTROL || type == TokenType.UNKNOWN;
  }
}
