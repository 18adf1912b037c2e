package io.calidrop.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One pass of a pre-tokenizer: cuts the matches of an expression out of every piece. */
final class Splitter {
  /** What becomes of a match. */
  enum Matches {
    /** A piece. */
    WHOLE,
    /** Pieces of three digits, counted from the right; the first has what is left. */
    THREES,
    /** As before, but what follows the match is not cut off from it. */
    OPEN_THREES
  }

  private final Pattern pattern;
  private final Matches matches;

  /**
   * @throws java.util.regex.PatternSyntaxException if the expression is none
   */
  Splitter(String expression, Matches matches) {
    pattern = Pattern.compile(expression, Pattern.UNICODE_CHARACTER_CLASS);
    this.matches = matches;
  }

  /**
   * Cuts pieces into finer ones.
   *
   * @param ends where the pieces of {@code text[from, ...)} end, in order
   */
  List<Integer> split(CharSequence text, int from, List<Integer> ends) {
    Cuts cuts = new Cuts(ends.size());
    Matcher matcher = pattern.matcher(text);
    int start = from;
    for (int end : ends) {
      matcher.region(start, end); // a piece ends for look-ahead, and begins for look-behind
      cuts.last = start;
      while (matcher.find()) {
        cut(text, matcher.start(), matcher.end(), cuts);
      }
      cuts.at(end);
      start = end;
    }
    return cuts.ends;
  }

  private void cut(CharSequence text, int start, int end, Cuts cuts) {
    if (matches != Matches.OPEN_THREES) {
      cuts.at(start);
    }
    if (matches != Matches.WHOLE) {
      int digits = Character.codePointCount(text, start, end);
      int cut = Character.offsetByCodePoints(text, start, digits % 3);
      while (cut < end) {
        cuts.at(cut);
        cut = Character.offsetByCodePoints(text, cut, 3);
      }
    }
    if (matches != Matches.OPEN_THREES) {
      cuts.at(end);
    }
  }

  /** Ends of pieces that are not empty. */
  private static final class Cuts {
    final List<Integer> ends;
    int last;

    Cuts(int expected) {
      ends = new ArrayList<>(expected);
    }

    void at(int end) {
      if (end > last) {
        ends.add(end);
        last = end;
      }
    }
  }
}
