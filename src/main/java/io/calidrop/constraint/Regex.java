package io.calidrop.constraint;

import java.util.List;

/**
 * A pattern of JSON Schema: ECMA's regular expressions without what is not regular. It matches
 * where it is found anywhere in a text, unless anchors say otherwise.
 */
final class Regex {
  private static final int MOST_GROUPS = 200; // one within the other
  private static final int[] DIGITS = {'0', '9'};
  private static final int[] WORDS = {'0', '9', 'A', 'Z', '_', '_', 'a', 'z'};
  private static final int[] SPACES = {
    '\t', '\r', ' ', ' ', 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f,
    0x202f, 0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff
  };
  private static final int[] LINE_ENDS = {'\n', '\n', '\r', '\r', 0x2028, 0x2029};

  private final String text;
  private final int[] pattern;
  private final RegexStates states = new RegexStates();
  private int at;
  private int depth;

  private Regex(String text) {
    this.text = text;
    pattern = text.codePoints().toArray();
  }

  /**
   * The texts that a pattern matches.
   *
   * @throws IllegalArgumentException if it is none, or not supported, or its automaton too large
   */
  static CharacterDfa of(String pattern) {
    return new Regex(pattern).compile();
  }

  /** A part of the pattern, from one state to another. */
  private record Part(int from, int to) {}

  private CharacterDfa compile() {
    Part whole = alternatives();
    if (at < pattern.length) {
      throw error("a ) without its (");
    }
    return states.determinize(whole.from(), whole.to());
  }

  private Part alternatives() {
    if (++depth > MOST_GROUPS) {
      throw error("more than %d groups one within the other".formatted(MOST_GROUPS));
    }
    Part all = sequence();
    while (at < pattern.length && pattern[at] == '|') {
      at++;
      Part other = sequence();
      int from = states.add();
      int to = states.add();
      for (Part part : List.of(all, other)) {
        states.empty(from, part.from());
        states.empty(part.to(), to);
      }
      all = new Part(from, to);
    }
    depth--;
    return all;
  }

  private Part sequence() {
    int from = states.add();
    int to = from;
    while (at < pattern.length && pattern[at] != '|' && pattern[at] != ')') {
      Part part = quantified();
      states.empty(to, part.from());
      to = part.to();
    }
    return new Part(from, to);
  }

  private Part quantified() {
    int start = at;
    int groups = depth;
    Part part = atom();
    int least = 1;
    int most = 1;
    int after = at;
    if (at < pattern.length) {
      switch (pattern[at]) {
        case '*', '+', '?' -> {
          least = pattern[at] == '+' ? 1 : 0;
          most = pattern[at] == '?' ? 1 : -1;
          at++;
        }
        case '{' -> {
          int[] bounds = bounds();
          least = bounds[0];
          most = bounds[1];
        }
        default -> {
          return part;
        }
      }
      if (at < pattern.length && pattern[at] == '?') {
        at++; // lazy or not, the same texts match
      }
    }
    int end = at;
    Part all = repeated(part, start, after, least, most);
    at = end;
    depth = groups;
    return all;
  }

  /** The part so many times: its text is read again for each. */
  private Part repeated(Part part, int start, int after, int least, int most) {
    int from = states.add();
    int to = from;
    int copies = most < 0 ? Math.max(1, least) : most;
    int end = states.add();
    for (int i = 0; i < copies; i++) {
      Part copy = part;
      if (i > 0) {
        at = start;
        copy = atom();
        if (at != after) {
          throw new IllegalStateException("a part of a pattern was read in two ways");
        }
      }
      if (i >= least) {
        states.empty(to, end);
      }
      states.empty(to, copy.from());
      to = copy.to();
      if (most < 0 && i == copies - 1) {
        states.empty(to, copy.from());
      }
    }
    states.empty(to, end);
    return new Part(from, end);
  }

  /** {@code {n}}, {@code {n,}} or {@code {n,m}}. */
  private int[] bounds() {
    at++;
    int least = number();
    int most = least;
    if (peek() == ',') {
      at++;
      most = peek() == '}' ? -1 : number();
    }
    if (peek() != '}' || most >= 0 && most < least) {
      throw error("a { without its bounds");
    }
    at++;
    return new int[] {least, most};
  }

  private int number() {
    int value = -1;
    while (peek() >= '0' && peek() <= '9') {
      value = Math.max(value, 0) * 10 + pattern[at++] - '0';
      Limits.check(value, Limits.PATTERN, "the pattern " + Limits.shown(text));
    }
    if (value < 0) {
      throw error("a { without its bounds");
    }
    return value;
  }

  private int peek() {
    return at < pattern.length ? pattern[at] : -1;
  }

  private Part atom() {
    int c = pattern[at++];
    switch (c) {
      case '(' -> {
        group();
        Part inner = alternatives();
        if (peek() != ')') {
          throw error("a ( without its )");
        }
        at++;
        return inner;
      }
      case '^' -> {
        return anchor(true);
      }
      case '$' -> {
        return anchor(false);
      }
      case '*', '+', '?', '{' -> throw error("a %c with nothing to repeat".formatted(c));
      default -> {
        at--;
        return characters(
            switch (c) {
              case '.' -> {
                at++;
                yield CharacterSet.of(LINE_ENDS).complement();
              }
              case '[' -> set();
              default -> single();
            });
      }
    }
  }

  /** What a group begins with. */
  private void group() {
    if (peek() != '?') {
      return;
    }
    String rest = new String(pattern, at, Math.min(3, pattern.length - at));
    if (rest.startsWith("?:")) {
      at += 2;
    } else if (rest.startsWith("?<") && !rest.startsWith("?<=") && !rest.startsWith("?<!")) {
      while (peek() >= 0 && peek() != '>') {
        at++;
      }
      at++;
    } else {
      throw error("(" + rest.substring(0, Math.min(2, rest.length())) + " is not supported");
    }
  }

  private Part anchor(boolean begin) {
    int from = states.add();
    int to = states.add();
    states.anchor(from, to, begin);
    return new Part(from, to);
  }

  private Part characters(CharacterSet set) {
    int from = states.add();
    int to = states.add();
    states.characters(from, to, set);
    return new Part(from, to);
  }

  private CharacterSet set() {
    at++;
    boolean negated = peek() == '^';
    if (negated) {
      at++;
    }
    CharacterSet all = CharacterSet.of();
    while (peek() != ']') {
      if (peek() < 0) {
        throw error("a [ without its ]");
      }
      CharacterSet low = single();
      boolean range = peek() == '-' && at + 1 < pattern.length && pattern[at + 1] != ']';
      if (range && low.isOne()) {
        at++;
        CharacterSet high = single();
        if (!high.isOne() || low.first() > high.first()) {
          throw error("a range in [] that is none");
        }
        all = all.or(CharacterSet.of(low.first(), high.first()));
      } else {
        all = all.or(low);
      }
    }
    at++;
    return negated ? all.complement() : all;
  }

  /** A character or a class of them by its escape. */
  private CharacterSet single() {
    int c = pattern[at++];
    if (c != '\\') {
      return CharacterSet.of(c, c);
    }
    if (at == pattern.length) {
      throw error("a \\ at the end");
    }
    int escaped = pattern[at++];
    return switch (escaped) {
      case 'd' -> CharacterSet.of(DIGITS);
      case 'D' -> CharacterSet.of(DIGITS).complement();
      case 'w' -> CharacterSet.of(WORDS);
      case 'W' -> CharacterSet.of(WORDS).complement();
      case 's' -> CharacterSet.of(SPACES);
      case 'S' -> CharacterSet.of(SPACES).complement();
      case 'n' -> CharacterSet.of('\n', '\n');
      case 'r' -> CharacterSet.of('\r', '\r');
      case 't' -> CharacterSet.of('\t', '\t');
      case 'f' -> CharacterSet.of('\f', '\f');
      case 'v' -> CharacterSet.of(0xb, 0xb);
      case '0' -> CharacterSet.of(0, 0);
      case 'x' -> hexadecimal(2);
      case 'u' -> hexadecimal(4);
      default -> {
        if (escaped < 0x80 && Character.isLetterOrDigit(escaped)) {
          throw error("\\%c is not supported".formatted(escaped));
        }
        yield CharacterSet.of(escaped, escaped);
      }
    };
  }

  private CharacterSet hexadecimal(int digits) {
    int value = 0;
    for (int i = 0; i < digits; i++) {
      int digit = peek() < 0 || peek() > 'f' ? -1 : Character.digit(pattern[at++], 16);
      if (digit < 0) {
        throw error("an escape without its %d hexadecimal digits".formatted(digits));
      }
      value = value << 4 | digit;
    }
    if (Character.isSurrogate((char) value)) {
      throw error("half a character by \\u is not supported");
    }
    return CharacterSet.of(value, value);
  }

  private IllegalArgumentException error(String why) {
    return new IllegalArgumentException("the pattern %s: %s".formatted(Limits.shown(text), why));
  }
}
