package io.calidrop.tokenizer;

import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;
import java.nio.charset.StandardCharsets;
import java.util.PriorityQueue;

/**
 * SentencePiece BPE as Llama 1 and 2 use it: characters are merged to the neighbouring pair whose
 * token has the highest score, spaces are spelt U+2581, and what is no token falls back to bytes.
 */
final class SentencePieceTokenizer extends VocabularyTokenizer {
  private static final char SPACE = '\u2581';

  private final float[] scores;
  private final boolean spacePrefix;
  private final int[] byteTokens = new int[256];

  SentencePieceTokenizer(Vocabulary vocabulary, Metadata metadata) {
    super(vocabulary, metadata.bool("tokenizer.ggml.add_bos_token", true));
    spacePrefix = metadata.bool("tokenizer.ggml.add_space_prefix", true);
    scores = metadata.findFloats("tokenizer.ggml.scores").orElse(new float[vocabulary.size()]);
    if (scores.length != vocabulary.size()) {
      throw new ModelFormatException(
          "tokenizer.ggml.scores has %d entries for %d tokens"
              .formatted(scores.length, vocabulary.size()));
    }
    for (int b = 0; b < 256; b++) {
      byteTokens[b] = vocabulary.id("<0x%02X>".formatted(b));
    }
  }

  @Override
  void encodeText(String text, boolean first, TokenList out) {
    String spelling = (spacePrefix && first ? " " + text : text).replace(' ', SPACE);
    new Merger(spelling).run(out);
  }

  @Override
  byte[] normalBytes(int token) {
    String spelling = vocabulary.token(token);
    if (vocabulary.type(token) == TokenType.BYTE) {
      return new byte[] {(byte) Integer.parseInt(spelling.substring(3, 5), 16)};
    }
    return spelling.replace(SPACE, ' ').getBytes(StandardCharsets.UTF_8);
  }

  /** Merges one text; symbols are ranges of it in a linked list. */
  private final class Merger {
    /** A possible merge; it lapses when one of its symbols has grown since. */
    private record Pair(float score, int left, int right, int end) implements Comparable<Pair> {
      @Override
      public int compareTo(Pair other) {
        int byScore = Float.compare(other.score, score);
        return byScore != 0 ? byScore : Integer.compare(left, other.left);
      }
    }

    private final String text;
    private final int[] end; // of the symbol that begins here, 0 where none does
    private final int[] previous; // where the symbol before it begins
    private final PriorityQueue<Pair> pairs = new PriorityQueue<>();

    Merger(String text) {
      this.text = text;
      end = new int[text.length()];
      previous = new int[text.length()];
    }

    void run(TokenList out) {
      int last = -1;
      for (int i = 0; i < text.length(); i = end[i]) {
        end[i] = i + Character.charCount(text.codePointAt(i));
        previous[i] = last;
        last = i;
      }
      for (int i = 0; i < text.length(); i = end[i]) {
        offer(previous[i], i);
      }
      while (!pairs.isEmpty()) {
        Pair pair = pairs.poll();
        if (end[pair.left] != pair.right || end[pair.right] != pair.end) {
          continue;
        }
        end[pair.left] = pair.end;
        end[pair.right] = 0;
        if (pair.end < text.length()) {
          previous[pair.end] = pair.left;
        }
        offer(previous[pair.left], pair.left);
        offer(pair.left, pair.end);
      }
      for (int i = 0; i < text.length(); i = end[i]) {
        addSymbol(text.substring(i, end[i]), out);
      }
    }

    private void offer(int left, int right) {
      if (left < 0 || right >= text.length()) {
        return;
      }
      int token = vocabulary.id(text.substring(left, end[right]));
      if (token >= 0) {
        pairs.add(new Pair(scores[token], left, right, end[right]));
      }
    }

    private void addSymbol(String symbol, TokenList out) {
      int token = vocabulary.id(symbol);
      if (token >= 0) {
        out.add(token);
        return;
      }
      for (byte b : symbol.getBytes(StandardCharsets.UTF_8)) {
        int byteToken = byteTokens[b & 0xff];
        if (byteToken >= 0 || vocabulary.unknown() >= 0) {
          out.add(byteToken >= 0 ? byteToken : vocabulary.unknown());
        }
      }
    }
  }
}
