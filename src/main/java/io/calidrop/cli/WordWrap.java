package io.calidrop.cli;

import java.util.function.IntSupplier;
import org.jline.utils.WCWidth;

/**
 * Breaks a stream of text between words where the lines of a terminal end. Text appears at once; a
 * word that turns out too long for its line moves to the next one, and one that is longer than a
 * line is cut. Ideographs and emoji may be parted, what is joined to them may not. Continued lines
 * are indented as their list item or paragraph is; code between fences is the terminal's to break,
 * so that it can be copied. Control characters other than newlines and tabs are left out.
 */
final class WordWrap {
  private static final int LEAST_WIDTH = 10;
  private static final int TAB = 8;
  private static final int JOINER = 0x200D;
  private static final int EMOJI_STYLE = 0xFE0F;

  private static final String DIM = "\u001b[2m";
  private static final String PLAIN = "\u001b[22m";

  /** To the line's beginning, which is erased. */
  private static final String ERASE_LINE = "\r\u001b[K";

  private final IntSupplier columns;
  private final StringBuilder out = new StringBuilder();
  private final StringBuilder line = new StringBuilder(); // what the terminal's line shows
  private boolean dim;
  private int width; // of the terminal when the line began
  private int limit; // columns to use
  private int column;

  private int wordAt = -1; // index in line of the word that is being written, or -1
  private int wordColumn;
  private int last; // code point
  private int base; // the last one of the word that has a width
  private boolean full; // blanks at the line's end were left out

  private int words; // complete ones of the text's line
  private boolean item; // the first of them is a list's bullet or number
  private boolean fence; // the first of them is a fence
  private boolean fenced; // the line is code
  private int indent;

  /**
   * @param columns of the terminal, asked at each line; fewer than 10, as 0 for unknown, are left
   *     to the terminal
   */
  WordWrap(IntSupplier columns) {
    this.columns = columns;
    begin();
  }

  /** What is to be written for a piece of text. */
  String add(String piece) {
    piece.codePoints().forEach(this::take);
    return written();
  }

  /** What is to be written where text becomes dim, or plain again. */
  String dim(boolean on) {
    if (on == dim) {
      return "";
    }
    endWord();
    dim = on;
    String change = on ? DIM : PLAIN;
    out.append(change);
    line.append(change);
    return written();
  }

  private String written() {
    String written = out.toString();
    out.setLength(0);
    return written;
  }

  /** The last column stays free: with it a terminal's cursor would wait for the next letter. */
  private void measure() {
    width = columns.getAsInt();
    limit = fenced || width < LEAST_WIDTH ? Integer.MAX_VALUE : width - 1;
  }

  private void begin() {
    measure();
    line.setLength(0);
    line.append(dim ? DIM : "");
    column = 0;
    full = false;
    wordAt = -1;
  }

  private void take(int c) {
    if (column == 0) {
      measure();
    }
    if (c == '\n') {
      endLine();
    } else if (c == '\t' || Character.isWhitespace(c) && !Character.isISOControl(c)) {
      blank(c);
    } else if (!Character.isISOControl(c)) {
      letter(c);
    }
    last = c;
  }

  private void endLine() {
    endWord();
    fenced ^= fence;
    words = 0;
    item = false;
    fence = false;
    indent = 0;
    out.append('\n');
    begin();
  }

  private void blank(int c) {
    endWord();
    int w = c == '\t' ? TAB - column % TAB : width(c);
    full |= column + w > limit;
    if (!full) {
      show(c, w);
    }
  }

  private void letter(int c) {
    int w = width(c);
    if (wordAt >= 0 && partedBefore(c)) {
      endWord();
    }
    if (full || wordAt < 0 && isResized()) {
      breakLine();
    }
    if (wordAt < 0) {
      beginWord();
    }
    if (column + w > limit) {
      makeRoom(c);
    }
    show(c, w);
    if (w > 0) {
      base = c;
    }
  }

  private void beginWord() {
    wordAt = line.length();
    wordColumn = column;
    base = 0;
    if (words == 0 || words == 1 && item) {
      indent = column <= limit / 2 ? column : 0;
    }
  }

  private void endWord() {
    if (wordAt < 0) {
      return;
    }
    if (words++ == 0) {
      String word = line.substring(wordAt);
      item = word.matches("[-*+•]|\\d{1,3}[.)]");
      fence = word.startsWith("```") || word.startsWith("~~~");
    }
    wordAt = -1;
  }

  /** Whether the terminal has another width than when the line began: nobody knows what it did. */
  private boolean isResized() {
    return column > 0 && !fenced && columns.getAsInt() != width;
  }

  /** Goes to the next line, with the word unless that began the line. */
  private void makeRoom(int c) {
    if (wordColumn > indent && wordAt < line.length() && !isResized()) {
      String word = line.substring(wordAt);
      int wordWidth = column - wordColumn;
      out.append(ERASE_LINE).append(dim ? PLAIN : "").append(line, 0, wordAt);
      breakLine();
      beginWord();
      out.append(word);
      line.append(word);
      column += wordWidth;
    } else if (!isJoined(c)) {
      breakLine();
      beginWord();
    }
  }

  private void breakLine() {
    out.append('\n');
    begin();
    String spaces = " ".repeat(indent);
    out.append(spaces);
    line.append(spaces);
    column = indent;
  }

  private void show(int c, int w) {
    out.appendCodePoint(c);
    line.appendCodePoint(c);
    column += w;
  }

  /** Columns that a character takes, rather too many than too few. */
  private int width(int c) {
    if (c == EMOJI_STYLE && base != 0 && WCWidth.wcwidth(base) == 1) {
      return 1;
    }
    return Math.max(0, WCWidth.wcwidth(c));
  }

  /** Whether a character is part of what stands before it. */
  private boolean isJoined(int c) {
    return WCWidth.wcwidth(c) <= 0
        || c == EMOJI_STYLE
        || last == JOINER
        || Character.isEmojiModifier(c)
        || isFlagPart(c) && isFlagPart(last);
  }

  private static boolean isFlagPart(int c) {
    return c >= 0x1F1E6 && c <= 0x1F1FF;
  }

  /** Whether a line may end between the last character and this one, without a blank. */
  private boolean partedBefore(int c) {
    if (base == 0 || isJoined(c) || !isIdeograph(base) && !isIdeograph(c)) {
      return false;
    }
    return switch (Character.getType(base)) {
      case Character.START_PUNCTUATION, Character.INITIAL_QUOTE_PUNCTUATION -> false;
      default ->
          switch (Character.getType(c)) {
            case Character.END_PUNCTUATION,
                Character.FINAL_QUOTE_PUNCTUATION,
                Character.OTHER_PUNCTUATION,
                Character.MODIFIER_LETTER ->
                false;
            default -> true;
          };
    };
  }

  /** Characters that stand for words, unlike Korean ones, which make words between blanks. */
  private static boolean isIdeograph(int c) {
    return WCWidth.wcwidth(c) == 2
        && Character.UnicodeScript.of(c) != Character.UnicodeScript.HANGUL;
  }
}
