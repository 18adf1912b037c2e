package io.calidrop.tokenizer;

import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;
import java.util.List;
import java.util.PriorityQueue;

/**
 * SentencePiece BPE as Llama 1 and 2 use it: characters are merged to the neighbouring pair whose
 * token has the highest score, spaces are spelt U+2581, and what is no token falls back to bytes.
 */
final class SentencePieceTokenizer extends VocabularyTokenizer {
  private final float[] scores;
  private final boolean spacePrefix;
  private final TextSpelling spelling;

  SentencePieceTokenizer(Vocabulary vocabulary, Metadata metadata) {
    super(vocabulary, metadata.bool("tokenizer.ggml.add_bos_token", true), List.of());
    spelling = new TextSpelling(vocabulary);
    spacePrefix = metadata.bool("tokenizer.ggml.add_space_prefix", true);
    scores = metadata.findFloats("tokenizer.ggml.scores").orElse(new float[vocabulary.size()]);
    if (scores.length != vocabulary.size()) {
      throw new ModelFormatException(
          "tokenizer.ggml.scores has %d entries for %d tokens"
              .formatted(scores.length, vocabulary.size()));
    }
  }

  @Override
  void encodeText(String text, boolean first, TokenList out) {
    new Merger(spelling.of(spacePrefix && first ? " " + text : text)).run(out);
  }

  @Override
  byte[] normalBytes(int token) {
    return spelling.bytes(token);
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
        spelling.addSymbol(text.substring(i, end[i]), out);
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
  }
}
