package io.calidrop.cli;

import java.util.ArrayList;
import java.util.List;
import org.jline.utils.WCWidth;

/** What a terminal shows of text, its lines cut where it is full, and what it erases and dims. */
final class Screen {
  private final int columns;
  private final List<StringBuilder> lines = new ArrayList<>(List.of(new StringBuilder()));
  private final List<StringBuilder> dimmed = new ArrayList<>(List.of(new StringBuilder()));
  private boolean dim;

  private Screen(int columns) {
    this.columns = columns;
  }

  /** The lines that are seen, without blanks at their ends. */
  static List<String> lines(int columns, String written) {
    return new Screen(columns)
        .show(written).lines.stream().map(line -> line.toString().stripTrailing()).toList();
  }

  /** The characters that were dim when they were written. */
  static String dimmed(String written) {
    return String.join("", new Screen(Integer.MAX_VALUE).show(written).dimmed);
  }

  private Screen show(String written) {
    for (int i = 0; i < written.length(); ) {
      int c = written.codePointAt(i);
      i += Character.charCount(c);
      if (c == '\u001b') {
        int end = i;
        while (!Character.isLetter(written.charAt(end))) {
          end++;
        }
        control(written.substring(i, end + 1));
        i = end + 1;
      } else if (c == '\r') {
        // the only thing that follows is the erasing of the line
      } else if (c == '\n') {
        lines.add(new StringBuilder());
        dimmed.add(new StringBuilder());
      } else {
        put(c);
      }
    }
    return this;
  }

  private void control(String sequence) {
    switch (sequence) {
      case "[K" -> {
        lines.getLast().setLength(0);
        dimmed.getLast().setLength(0);
      }
      case "[2m" -> dim = true;
      case "[22m" -> dim = false;
      default -> throw new AssertionError("unexpected " + sequence);
    }
  }

  private void put(int c) {
    StringBuilder line = lines.getLast();
    String tab = " ".repeat(8 - width(line) % 8);
    String text = c == '\t' ? tab : Character.toString(c);
    if (width(line) + width(text) > columns) {
      line = new StringBuilder("\u21a9"); // the terminal's own wrap
      lines.add(line);
    }
    line.append(text);
    if (dim) {
      dimmed.getLast().appendCodePoint(c);
    }
  }

  private static int width(CharSequence text) {
    return text.codePoints().map(c -> Math.max(0, WCWidth.wcwidth(c))).sum();
  }
}
