package io.calidrop.generate;

import io.calidrop.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * A tokenizer of chunks of three characters, counted from the last control token: where a text is
 * cut shows in its tokens. The control tokens are its first ids.
 */
final class ChunkTokenizer implements Tokenizer {
  private final List<String> pieces;
  private final int controls;

  ChunkTokenizer(String... controls) {
    pieces = new ArrayList<>(Arrays.asList(controls));
    this.controls = controls.length;
  }

  @Override
  public int[] encode(String text, boolean parseSpecial) {
    IntStream.Builder tokens = IntStream.builder();
    StringBuilder chunk = new StringBuilder();
    for (int i = 0; i < text.length(); ) {
      int control = parseSpecial ? controlAt(text, i) : -1;
      if (control >= 0) {
        flush(chunk, tokens);
        tokens.add(control);
        i += pieces.get(control).length();
      } else {
        chunk.append(text.charAt(i++));
        if (chunk.length() == 3) {
          flush(chunk, tokens);
        }
      }
    }
    flush(chunk, tokens);
    return tokens.build().toArray();
  }

  private void flush(StringBuilder chunk, IntStream.Builder tokens) {
    if (!chunk.isEmpty()) {
      int known = pieces.subList(controls, pieces.size()).indexOf(chunk.toString());
      if (known < 0) {
        pieces.add(chunk.toString());
      }
      tokens.add(known < 0 ? pieces.size() - 1 : controls + known);
      chunk.setLength(0);
    }
  }

  private int controlAt(String text, int at) {
    for (int i = 0; i < controls; i++) {
      if (text.startsWith(pieces.get(i), at)) {
        return i;
      }
    }
    return -1;
  }

  /** The text with control tokens spelled out in braces, to be read in assertions. */
  String show(int... tokens) {
    StringBuilder shown = new StringBuilder();
    for (int token : tokens) {
      shown.append(isControl(token) ? "{" + token + "}" : pieces.get(token));
    }
    return shown.toString();
  }

  @Override
  public byte[] bytes(int token) {
    return isControl(token) ? new byte[0] : pieces.get(token).getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public String piece(int token) {
    return pieces.get(token);
  }

  @Override
  public int vocabularySize() {
    return pieces.size();
  }

  @Override
  public int bos() {
    return -1;
  }

  @Override
  public int eos() {
    return 1;
  }

  @Override
  public boolean addsBos() {
    return false;
  }

  @Override
  public Set<Integer> endTokens() {
    return Set.of(1);
  }

  @Override
  public boolean isControl(int token) {
    return token < controls;
  }
}
