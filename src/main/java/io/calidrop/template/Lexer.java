package io.calidrop.template;

import io.calidrop.template.Token.Kind;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a source into tokens as Jinja does with {@code trim_blocks} and {@code lstrip_blocks}: the
 * newline after a block or comment goes, as do the blanks before one that a line begins with.
 */
final class Lexer {
  private static final int MOST = 1 << 22; // characters of a source
  private static final Pattern OPENING = Pattern.compile("\\{[{%#]");
  private static final Pattern RAW = Pattern.compile("\\s*raw\\s*(-?)%}");
  private static final Pattern RAW_END = Pattern.compile("\\{%[-+]?\\s*endraw\\s*([-+]?)%}");
  private static final Pattern TOKEN =
      Pattern.compile(
          "(?<number>[0-9][0-9_]*(?<real>(?:\\.[0-9][0-9_]*)?(?:[eE][-+]?[0-9]+)?))"
              + "|(?<name>[\\p{L}\\p{N}_]+)|(?<quote>['\"])"
              + "|(?<operator>[=!<>]=|//|\\*\\*|[-+/*%~\\[\\](){}<>=.:|,])");

  private final String source;
  private final Matcher token;
  private final List<Token> tokens = new ArrayList<>();
  private int pos;
  private int brackets; // that are open

  private Lexer(String source) {
    this.source = source;
    token = TOKEN.matcher(source);
  }

  /** The source with its lines ended by a newline each, but for the last one. */
  static String normalize(String source) {
    if (source.length() > MOST) {
      throw new TemplateException("a template of " + source.length() + " characters", 0);
    }
    String lines = source.replace("\r\n", "\n").replace('\r', '\n');
    return lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines;
  }

  static List<Token> tokens(String normalized) {
    Lexer lexer = new Lexer(normalized);
    lexer.run();
    return lexer.tokens;
  }

  private void run() {
    Matcher opening = OPENING.matcher(source);
    while (opening.find(pos)) {
      int open = opening.start();
      char kind = source.charAt(open + 1);
      data(open, kind != '{');
      char sign = charAt(open + 2);
      pos = open + (sign == '-' || sign == '+' ? 3 : 2);
      if (kind == '#') {
        int end = source.indexOf("#}", pos);
        if (end < 0) {
          throw new TemplateException("the comment has no end", open);
        }
        char last = end > pos ? source.charAt(end - 1) : ' ';
        pos = end + 2;
        afterBlock(last);
      } else if (kind == '{') {
        add(Kind.OUTPUT_BEGIN, "{{", open);
        inside(Kind.OUTPUT_END, "}}", open);
      } else if (!raw(open)) {
        add(Kind.BLOCK_BEGIN, "{%", open);
        inside(Kind.BLOCK_END, "%}", open);
      }
    }
    add(Kind.DATA, source.substring(pos), pos);
    add(Kind.END, "", source.length());
  }

  /** The text before a mark, without the blanks that the mark takes with it. */
  private void data(int mark, boolean block) {
    char sign = charAt(mark + 2);
    int end = mark;
    while (end > pos && Text.isBlank(source.charAt(end - 1))) {
      if (sign != '-' && source.charAt(end - 1) == '\n') {
        break;
      }
      end--;
    }
    boolean lineStart = end == 0 || source.charAt(end - 1) == '\n';
    boolean stripped = sign == '-' || sign != '+' && block && lineStart;
    add(Kind.DATA, source.substring(pos, stripped ? end : mark), pos);
  }

  private void afterBlock(char sign) {
    if (sign == '-') {
      skipBlanks();
    } else if (sign != '+' && charAt(pos) == '\n') {
      pos++;
    }
  }

  private void skipBlanks() {
    while (pos < source.length() && Text.isBlank(source.charAt(pos))) {
      pos++;
    }
  }

  /** Takes a raw block if one begins here. */
  private boolean raw(int open) {
    Matcher begin = RAW.matcher(source).region(pos, source.length());
    if (!begin.lookingAt()) {
      return false;
    }
    pos = begin.end();
    if (!begin.group(1).isEmpty()) {
      skipBlanks();
    }
    Matcher end = RAW_END.matcher(source);
    if (!end.find(pos)) {
      throw new TemplateException("'raw' has no 'endraw'", open);
    }
    data(end.start(), true);
    pos = end.end();
    afterBlock(end.group(1).isEmpty() ? ' ' : end.group(1).charAt(0));
    return true;
  }

  private void inside(Kind endKind, String end, int open) {
    brackets = 0;
    boolean block = endKind == Kind.BLOCK_END;
    for (skipBlanks(); pos < source.length(); skipBlanks()) {
      char sign = source.charAt(pos);
      boolean signed = sign == '-' || sign == '+' && block;
      if (brackets <= 0 && source.startsWith(end, signed ? pos + 1 : pos)) {
        add(endKind, end, pos);
        pos += signed ? 3 : 2;
        if (sign == '-' || block) {
          afterBlock(sign);
        }
        return;
      }
      token();
    }
    throw new TemplateException("'" + source.substring(open, open + 2) + "' has no end", open);
  }

  private void token() {
    int start = pos;
    if (!token.region(pos, source.length()).lookingAt()) {
      throw new TemplateException("unexpected character '" + source.charAt(pos) + "'", pos);
    }
    pos = token.end();
    String text = token.group();
    if (token.group("name") != null) {
      add(Kind.NAME, text, start);
    } else if (token.group("operator") != null) {
      brackets += "([{".contains(text) ? 1 : ")]}".contains(text) ? -1 : 0;
      add(Kind.OPERATOR, text, start);
    } else if (token.group("quote") != null) {
      string(text.charAt(0), start);
    } else {
      number(text.replace("_", ""), !token.group("real").isEmpty(), start);
    }
  }

  private void number(String text, boolean real, int start) {
    try {
      Object value = real ? (Object) Double.valueOf(text) : Long.valueOf(text);
      tokens.add(new Token(Kind.NUMBER, text, value, start));
    } catch (NumberFormatException e) {
      throw new TemplateException("a whole number beyond 64 bits", start);
    }
  }

  private void string(char quote, int start) {
    StringBuilder text = new StringBuilder();
    while (charAt(pos) != quote) {
      if (pos >= source.length()) {
        throw new TemplateException("the string has no end", start);
      }
      char c = source.charAt(pos++);
      if (c == '\\') {
        escape(charAt(pos++), text);
      } else {
        text.append(c);
      }
    }
    pos++;
    add(Kind.STRING, text.toString(), start);
  }

  /** Reads an escape after its first character. */
  private void escape(char c, StringBuilder text) {
    int known = "\\'\"nrtbf".indexOf(c);
    if (known >= 0) {
      text.append("\\'\"\n\r\t\b\f".charAt(known));
    } else if (c == 'x' || c == 'u' || c == 'U') {
      int end = Math.min(pos + (c == 'x' ? 2 : c == 'u' ? 4 : 8), source.length());
      try {
        text.appendCodePoint(HexFormat.fromHexDigits(source, pos, end));
      } catch (IllegalArgumentException e) {
        throw new TemplateException("an escape in a string is none", pos - 2);
      }
      pos = end;
    } else if (c != '\n') {
      text.append('\\').append(c);
    }
  }

  private char charAt(int index) {
    return index < source.length() ? source.charAt(index) : '\0';
  }

  private void add(Kind kind, String text, int at) {
    if (kind != Kind.DATA || !text.isEmpty()) {
      tokens.add(new Token(kind, text, null, at));
    }
  }
}
