package io.calidrop.template;

import io.calidrop.template.Token.Kind;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * Cuts a source into tokens as Jinja does with {@code trim_blocks} and {@code lstrip_blocks}: the
 * newline after a block or comment goes, as do the blanks before one that a line begins with.
 */
final class Lexer {
  private static final int MOST = 1 << 22; // characters of a source

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private final StringBuilder brackets = new StringBuilder();
  private int pos;

  private Lexer(String source) {
    this.source = source;
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
    int length = source.length();
    boolean lineStart = true;
    while (pos < length) {
      int open = opening(pos);
      if (open < 0) {
        add(Kind.DATA, source.substring(pos), pos);
        pos = length;
        break;
      }
      char kind = source.charAt(open + 1);
      char sign = charAt(open + 2);
      data(pos, open, sign, kind != '{', lineStart);
      pos = open + (sign == '-' || sign == '+' ? 3 : 2);
      if (kind == '#') {
        comment(open);
      } else if (kind == '{') {
        add(Kind.OUTPUT_BEGIN, "{{", open);
        inside(Kind.OUTPUT_END, "}}", open);
      } else if (!raw(open)) {
        add(Kind.BLOCK_BEGIN, "{%", open);
        inside(Kind.BLOCK_END, "%}", open);
      }
      lineStart = source.charAt(pos - 1) == '\n';
    }
    add(Kind.END, "", length);
  }

  /** The next of the three marks, or -1. */
  private int opening(int from) {
    for (int i = source.indexOf('{', from); i >= 0; i = source.indexOf('{', i + 1)) {
      char next = charAt(i + 1);
      if (next == '{' || next == '%' || next == '#') {
        return i;
      }
    }
    return -1;
  }

  private void data(int start, int end, char sign, boolean block, boolean lineStart) {
    int stop = end;
    if (sign == '-') {
      while (stop > start && Text.isBlank(source.charAt(stop - 1))) {
        stop--;
      }
    } else if (sign != '+' && block) {
      int line = Math.max(source.lastIndexOf('\n', end - 1) + 1, start);
      if ((line > start || lineStart) && blank(line, end)) {
        stop = line;
      }
    }
    if (stop > start) {
      add(Kind.DATA, source.substring(start, stop), start);
    }
  }

  private boolean blank(int start, int end) {
    for (int i = start; i < end; i++) {
      if (!Text.isBlank(source.charAt(i))) {
        return false;
      }
    }
    return true;
  }

  private void comment(int open) {
    int end = source.indexOf("#}", pos);
    if (end < 0) {
      throw new TemplateException("the comment has no end", open);
    }
    char sign = end > pos ? source.charAt(end - 1) : ' ';
    pos = end + 2;
    afterBlock(sign);
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
    int body = tag(pos, "raw", false);
    if (body < 0) {
      return false;
    }
    for (int at = source.indexOf("{%", body); at >= 0; at = source.indexOf("{%", at + 1)) {
      char sign = charAt(at + 2);
      int start = sign == '-' || sign == '+' ? at + 3 : at + 2;
      int end = tag(start, "endraw", true);
      if (end >= 0) {
        data(body, at, sign, true, false);
        pos = end;
        return true;
      }
    }
    throw new TemplateException("'raw' has no 'endraw'", open);
  }

  /** The offset after a tag of nothing but its name, or -1. */
  private int tag(int from, String name, boolean trim) {
    int start = pos;
    try {
      pos = from;
      skipBlanks();
      if (!source.startsWith(name, pos)) {
        return -1;
      }
      pos += name.length();
      skipBlanks();
      char sign = charAt(pos);
      if (sign == '-' || trim && sign == '+') {
        pos++;
      }
      if (!source.startsWith("%}", pos)) {
        return -1;
      }
      pos += 2;
      if (trim || sign == '-') {
        afterBlock(sign);
      }
      return pos;
    } finally {
      pos = start;
    }
  }

  private void inside(Kind endKind, String end, int open) {
    brackets.setLength(0);
    while (true) {
      skipBlanks();
      if (pos >= source.length()) {
        throw new TemplateException("'" + source.substring(open, open + 2) + "' has no end", open);
      }
      if (brackets.isEmpty()) {
        char sign = source.charAt(pos);
        boolean signed = sign == '-' || sign == '+' && endKind == Kind.BLOCK_END;
        if (source.startsWith(end, signed ? pos + 1 : pos)) {
          add(endKind, end, pos);
          pos += signed ? 3 : 2;
          if (sign == '-' || endKind == Kind.BLOCK_END) {
            afterBlock(sign);
          }
          return;
        }
      }
      token();
    }
  }

  private void token() {
    char c = source.charAt(pos);
    int start = pos;
    if (isDigit(c)) {
      number();
    } else if (c == '\'' || c == '"') {
      string(c);
    } else if (isNamePart(c)) {
      while (isNamePart(charAt(pos))) {
        pos++;
      }
      add(Kind.NAME, source.substring(start, pos), start);
    } else {
      operator(c);
    }
  }

  private static boolean isNamePart(char c) {
    return c == '_' || Character.isLetterOrDigit(c);
  }

  private void operator(char c) {
    char next = charAt(pos + 1);
    boolean two =
        next == '=' && (c == '=' || c == '!' || c == '<' || c == '>')
            || next == c && (c == '/' || c == '*');
    if (!two && "+-/*%~[](){}<>=.:|,;".indexOf(c) < 0) {
      throw new TemplateException("unexpected character '" + c + "'", pos);
    }
    if (c == '(' || c == '[' || c == '{') {
      brackets.append(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
      int last = brackets.length() - 1;
      if (last < 0 || brackets.charAt(last) != c) {
        String expected = last < 0 ? "" : ", expected '" + brackets.charAt(last) + "'";
        throw new TemplateException("unexpected '" + c + "'" + expected, pos);
      }
      brackets.setLength(last);
    }
    int length = two ? 2 : 1;
    add(Kind.OPERATOR, source.substring(pos, pos + length), pos);
    pos += length;
  }

  private void number() {
    int start = pos;
    digits();
    boolean afterDot = start > 0 && source.charAt(start - 1) == '.';
    boolean real = false;
    if (!afterDot && charAt(pos) == '.' && isDigit(charAt(pos + 1))) {
      real = true;
      pos++;
      digits();
    }
    if (!afterDot && (charAt(pos) == 'e' || charAt(pos) == 'E')) {
      int exponent = charAt(pos + 1) == '+' || charAt(pos + 1) == '-' ? pos + 2 : pos + 1;
      if (isDigit(charAt(exponent))) {
        real = true;
        pos = exponent;
        digits();
      }
    }
    String text = source.substring(start, pos).replace("_", "");
    try {
      Object value = real ? (Object) Double.valueOf(text) : Long.valueOf(text);
      tokens.add(new Token(Kind.NUMBER, text, value, start));
    } catch (NumberFormatException e) {
      throw new TemplateException("a whole number beyond 64 bits", start);
    }
  }

  private void digits() {
    while (isDigit(charAt(pos)) || charAt(pos) == '_' && isDigit(charAt(pos + 1))) {
      pos++;
    }
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private void string(char quote) {
    int start = pos++;
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
    tokens.add(new Token(kind, text, null, at));
  }
}
