package io.calidrop.generate;

import io.calidrop.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Keeps the text of control tokens in a message from becoming control tokens.
 *
 * <p>Before rendering, a private-use character is put inside every such text of a content, and into
 * what could complete one across the content's edges. After rendering, the marks are taken out
 * again; an occurrence that a mark stood in is text, any other is the template's own. The text
 * between two control tokens of the template is encoded in one piece either way, so that its tokens
 * do not depend on where a content begins.
 */
final class ControlGuard {
  private static final char FIRST_PRIVATE = '\uE000';
  private static final char LAST_PRIVATE = '\uF8FF';

  private final Tokenizer tokenizer;
  private final char mark;
  private final Map<Character, List<String>> controls = new HashMap<>(); // longest first

  ControlGuard(Tokenizer tokenizer, char mark) {
    this.tokenizer = tokenizer;
    this.mark = mark;
    for (int token = 0; token < tokenizer.vocabularySize(); token++) {
      if (tokenizer.isControl(token) && !tokenizer.piece(token).isEmpty()) {
        String text = tokenizer.piece(token);
        controls.computeIfAbsent(text.charAt(0), c -> new ArrayList<>()).add(text);
      }
    }
    controls.values().forEach(l -> l.sort(Comparator.comparingInt(String::length).reversed()));
  }

  /** A private-use character that does not occur in a text. */
  static char unusedMark(CharSequence text) {
    BitSet used = new BitSet();
    text.chars().forEach(used::set);
    int mark = used.nextClearBit(FIRST_PRIVATE);
    if (mark > LAST_PRIVATE) {
      throw new IllegalArgumentException("the messages use every private-use character");
    }
    return (char) mark;
  }

  /** The content with a mark before each character that no control token may cover. */
  String mark(String content) {
    BitSet guarded = new BitSet();
    for (int i = 0; i < content.length(); i++) {
      int length = controlAt(content, i);
      if (length > 0) {
        guard(guarded, i, length);
      }
    }
    guardEdges(content, guarded);
    if (guarded.isEmpty()) {
      return content;
    }
    StringBuilder marked = new StringBuilder();
    for (int i = 0; i < content.length(); i++) {
      if (guarded.get(i)) {
        marked.append(mark);
      }
      marked.append(content.charAt(i));
    }
    return marked.toString();
  }

  /**
   * Guards the ends of control texts that the content begins with and the beginnings at its end.
   */
  private void guardEdges(String content, BitSet guarded) {
    // Templates trim contents, so that an edge is where the blanks end.
    int start = content.length() - content.stripLeading().length();
    int end = content.stripTrailing().length();
    for (List<String> texts : controls.values()) {
      for (String text : texts) {
        for (int part = Math.min(text.length() - 1, end - start); part > 0; part--) {
          if (content.startsWith(text.substring(text.length() - part), start)) {
            guard(guarded, start, part);
          }
          if (content.startsWith(text.substring(0, part), end - part)) {
            guard(guarded, end - part, part);
          }
        }
      }
    }
  }

  /** Not the first character where there is a second: a mark before it would hide the edge. */
  private static void guard(BitSet guarded, int start, int length) {
    guarded.set(length > 1 ? start + 1 : start);
  }

  /** The tokens of a rendered text whose contents were marked. */
  int[] encode(String rendered) {
    if (rendered.indexOf(mark) < 0) {
      return tokenizer.encode(rendered, true);
    }
    BitSet guarded = new BitSet();
    StringBuilder plain = new StringBuilder();
    for (int i = 0; i < rendered.length(); i++) {
      if (rendered.charAt(i) == mark) {
        guarded.set(plain.length());
      } else {
        plain.append(rendered.charAt(i));
      }
    }
    return encode(plain.toString(), guarded);
  }

  private int[] encode(String text, BitSet guarded) {
    IntStream.Builder tokens = IntStream.builder();
    int piece = 0; // start of what is not encoded yet
    int run = 0; // end of the template's last control token
    boolean forged = false; // the run holds a control text that is the user's
    for (int i = 0; i < text.length(); ) {
      int length = controlAt(text, i);
      int nextGuarded = guarded.nextSetBit(i);
      if (length == 0) {
        i++;
      } else if (nextGuarded >= 0 && nextGuarded < i + length) {
        forged = true;
        i++;
      } else {
        if (forged) {
          append(tokens, text.substring(piece, run), true);
          append(tokens, text.substring(run, i), false);
          piece = i;
          forged = false;
        }
        i += length;
        run = i;
      }
    }
    if (forged) {
      append(tokens, text.substring(piece, run), true);
      append(tokens, text.substring(run), false);
    } else {
      append(tokens, text.substring(piece), true);
    }
    return tokens.build().toArray();
  }

  private void append(IntStream.Builder tokens, String text, boolean parseSpecial) {
    if (!text.isEmpty()) {
      for (int token : tokenizer.encode(text, parseSpecial)) {
        tokens.add(token);
      }
    }
  }

  /** The length of the longest control text that begins at an index, or 0. */
  private int controlAt(String text, int index) {
    for (String control : controls.getOrDefault(text.charAt(index), List.of())) {
      if (text.startsWith(control, index)) {
        return control.length();
      }
    }
    return 0;
  }
}
