package io.calidrop.cli;

import io.calidrop.generate.Reasoning;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.IntSupplier;

/** Model text as a terminal shows it: words wrap, and what the model thinks first is dimmed. */
final class TerminalText {
  private final WordWrap wrap;
  private final StringBuilder held = new StringBuilder(); // of the beginning: may become a mark
  private final StringBuilder tail = new StringBuilder(); // of the reasoning: may hold its mark
  private Reasoning open; // marks that the text is inside of, or null
  private boolean begun;

  /**
   * @param columns of the terminal
   * @param color whether reasoning is dimmed
   * @param opened marks that the text begins inside of
   */
  TerminalText(IntSupplier columns, boolean color, Optional<Reasoning> opened) {
    wrap = new WordWrap(columns);
    open = color ? opened.orElse(null) : null;
    begun = !color || opened.isPresent();
  }

  /** What is to be written for a piece of text. */
  String add(String piece) {
    String text = piece;
    if (!begun) {
      text = held.append(piece).toString();
      String start = text.stripLeading();
      if (Arrays.stream(Reasoning.values())
          .anyMatch(m -> !start.equals(m.open()) && m.open().startsWith(start))) {
        return "";
      }
      begun = true;
      open = Reasoning.begunBy(start).orElse(null);
    }
    return open == null ? wrap.add(text) : wrap.dim(true) + reasoning(text);
  }

  /** Text up to the closing mark is dim. */
  private String reasoning(String text) {
    int before = tail.length();
    tail.append(text);
    int mark = tail.indexOf(open.close());
    if (mark < 0) {
      tail.delete(0, Math.max(0, tail.length() - open.close().length() + 1));
      return wrap.add(text);
    }
    int end = mark + open.close().length() - before;
    open = null;
    return wrap.add(text.substring(0, end)) + wrap.dim(false) + wrap.add(text.substring(end));
  }

  /** What is to be written at the end. */
  String end() {
    String rest = begun ? "" : wrap.add(held.toString());
    return rest + wrap.dim(false);
  }
}
