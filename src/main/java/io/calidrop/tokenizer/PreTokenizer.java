package io.calidrop.tokenizer;

import io.calidrop.gguf.ModelFormatException;
import java.util.List;

/**
 * How a BPE vocabulary cuts text into words before merging. Each pass cuts what the ones before it
 * left; what lies between matches stays a piece too.
 */
final class PreTokenizer {
  private final PreTokenizerFamily family;
  private final List<Splitter> passes;

  private PreTokenizer(PreTokenizerFamily family) {
    this.family = family;
    passes = family.passes().stream().map(PreTokenizerFamily.Pass::compile).toList();
  }

  /**
   * The pre-tokenizer that GGUF files call so.
   *
   * @throws ModelFormatException if there is none
   */
  static PreTokenizer of(String name) {
    return new PreTokenizer(PreTokenizerFamily.of(name));
  }

  /**
   * Whether a word that is a token of the vocabulary is that token, whatever merges would make of
   * it.
   */
  boolean ignoresMerges() {
    return family.ignoresMerges();
  }

  /** Whether such models expect a BOS token where the metadata does not say. */
  boolean addsBos() {
    return family.addsBos();
  }

  /** Whether the vocabulary spells bytes as {@link ByteAlphabet} does, not text as it is. */
  boolean isByteLevel() {
    return family.isByteLevel();
  }

  /** The words of {@code text[from, to)} as their ends. */
  List<Integer> split(CharSequence text, int from, int to) {
    List<Integer> ends = List.of(to);
    for (Splitter pass : passes) {
      ends = pass.split(text, from, ends);
    }
    return ends;
  }
}
