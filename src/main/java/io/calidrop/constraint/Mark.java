package io.calidrop.constraint;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Texts that end with a mark. */
final class Mark {
  private static final int LAST_BYTE = 0xf7; // of a text

  private Mark() {}

  /** Texts that hold a mark at their end and nowhere before it, as text or as a control token. */
  static Text until(String mark) {
    return new Text(texts(mark, true));
  }

  /** Texts that do not hold a mark. */
  static Dfa without(String mark) {
    return texts(mark, false);
  }

  /** What an answer is whose calls begin with a mark. */
  static Constraint constraint(
      String mark, Rule after, boolean required, Optional<Constraint> otherwise) {
    Rule root = new Rule();
    if (required || otherwise.isPresent()) {
      root.add(words(mark), after);
    }
    if (!required && otherwise.isPresent()) {
      root.add(otherwise.get().root());
    } else if (!required) {
      root.add(new Text(without(mark)));
      root.add(until(mark), after);
    }
    return new Constraint(root);
  }

  /** Texts whose mark may be a control token. */
  static Text words(String... texts) {
    List<byte[]> words = new ArrayList<>();
    for (String text : texts) {
      String blank = text.startsWith("\n") ? "\n" : "";
      byte[] before = blank.getBytes(StandardCharsets.UTF_8);
      byte[] control = TokenBytes.control(text.substring(blank.length()));
      byte[] word = new byte[before.length + control.length];
      System.arraycopy(before, 0, word, 0, before.length);
      System.arraycopy(control, 0, word, before.length, control.length);
      words.add(word);
      words.add(text.getBytes(StandardCharsets.UTF_8));
    }
    return new Text(Dfa.words(words));
  }

  private static Dfa texts(String mark, boolean ending) {
    byte[] bytes = mark.getBytes(StandardCharsets.UTF_8);
    byte[] control = TokenBytes.control(mark);
    Dfa.Builder out = new Dfa.Builder("a mark");
    for (int i = 0; i < bytes.length; i++) {
      int state = out.state(); // i bytes of the mark
      if (!ending) {
        out.accept(state);
      }
    }
    int end = out.state();
    if (ending) {
      out.accept(end);
    }
    int token = out.state();
    for (int state = 0; state < bytes.length; state++) {
      int low = 0;
      for (int value = 1; value <= LAST_BYTE + 1; value++) {
        int to = next(bytes, state, (byte) low);
        if (value > LAST_BYTE || next(bytes, state, (byte) value) != to) {
          out.edge(state, low, value - 1, to);
          low = value;
        }
      }
      out.edge(state, control[0] & 0xff, control[0] & 0xff, token);
    }
    int at = token;
    for (int i = 1; i < control.length; i++) {
      int next = i + 1 == control.length ? end : out.state();
      out.edge(at, control[i] & 0xff, control[i] & 0xff, next);
      at = next;
    }
    return out.build();
  }

  /** How many bytes of the mark a text ends with that ended with so many, after another byte. */
  private static int next(byte[] mark, int count, byte value) {
    byte[] text = Arrays.copyOf(mark, count + 1);
    text[count] = value;
    for (int length = count + 1; length > 0; length--) {
      if (Arrays.equals(text, count + 1 - length, count + 1, mark, 0, length)) {
        return length;
      }
    }
    return 0;
  }
}
