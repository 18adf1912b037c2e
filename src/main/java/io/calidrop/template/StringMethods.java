package io.calidrop.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Methods of Python's strings. */
final class StringMethods {
  static final Set<String> NAMES =
      Set.of(
          "capitalize",
          "casefold",
          "center",
          "count",
          "endswith",
          "find",
          "format",
          "index",
          "isalnum",
          "isalpha",
          "isascii",
          "isdecimal",
          "isdigit",
          "islower",
          "isnumeric",
          "isspace",
          "isupper",
          "join",
          "ljust",
          "lower",
          "lstrip",
          "partition",
          "removeprefix",
          "removesuffix",
          "replace",
          "rfind",
          "rindex",
          "rjust",
          "rpartition",
          "rsplit",
          "rstrip",
          "split",
          "splitlines",
          "startswith",
          "strip",
          "swapcase",
          "title",
          "upper",
          "zfill");

  private static final String LINE_ENDS = "\n\r\u000b\f\u001c\u001d\u001e\u0085\u2028\u2029";

  private final Run run;
  private final String text;

  StringMethods(Run run, String text) {
    this.run = run;
    this.text = text;
  }

  Object call(String name, Arguments arguments) {
    run.spend(text.length() >> 4);
    return switch (name) {
      case "strip", "lstrip", "rstrip" -> {
        String chars = arguments.bind(name, "chars").text(0, null);
        run.search(text, chars == null ? "" : chars);
        yield made(Text.strip(text, chars, !name.equals("rstrip"), !name.equals("lstrip")));
      }
      case "startswith", "endswith" -> edge(name, arguments);
      case "split", "rsplit" -> {
        Arguments.Bound bound = arguments.bind(name, "sep", "maxsplit");
        yield split(bound.text(0, null), bound.whole(1, -1), name.equals("split"));
      }
      case "splitlines" -> list(lines(arguments.bind(name, "keepends").flag(0)));
      case "partition", "rpartition" ->
          partition(arguments.bind(name, "sep").text(0), name.equals("partition"));
      case "replace" -> {
        Arguments.Bound bound = arguments.bind(name, "old", "new", "count");
        yield replace(bound.text(0), bound.text(1), bound.whole(2, -1));
      }
      case "find", "index", "rfind", "rindex" -> find(name, arguments);
      case "count" -> count(arguments);
      case "join" -> join(arguments.bind(name, "iterable").value(0));
      case "format" -> new Formatter(run).format(text, arguments);
      case "center", "ljust", "rjust" -> {
        Arguments.Bound bound = arguments.bind(name, "width", "fillchar");
        yield pad(name, Numbers.whole(bound.value(0)), bound.text(1, " "));
      }
      case "zfill" -> zeros(Numbers.whole(arguments.bind(name, "width").value(0)));
      case "removeprefix" -> {
        String prefix = arguments.bind(name, "prefix").text(0);
        yield made(text.startsWith(prefix) ? text.substring(prefix.length()) : text);
      }
      case "removesuffix" -> {
        String end = arguments.bind(name, "suffix").text(0);
        yield made(text.endsWith(end) ? text.substring(0, text.length() - end.length()) : text);
      }
      default -> {
        arguments.bind(name);
        yield name.startsWith("is") ? (Object) is(name) : made(cased(name));
      }
    };
  }

  private String made(String result) {
    return run.made(result);
  }

  private String cased(String name) {
    return switch (name) {
      case "upper" -> text.toUpperCase(Locale.ROOT);
      case "lower" -> text.toLowerCase(Locale.ROOT);
      case "casefold" -> text.toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT);
      case "capitalize" -> Text.capitalize(text);
      case "title" -> Text.title(text);
      default -> swapped();
    };
  }

  private String swapped() {
    StringBuilder result = new StringBuilder();
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      String one = Character.toString(c);
      result.append(
          Character.isUpperCase(c) ? one.toLowerCase(Locale.ROOT) : one.toUpperCase(Locale.ROOT));
    }
    return result.toString();
  }

  private boolean is(String name) {
    boolean cased = false;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      boolean ok =
          switch (name) {
            case "isalnum" -> Character.isLetterOrDigit(c);
            case "isalpha" -> Character.isLetter(c);
            case "isascii" -> c < 128;
            case "isspace" -> Text.isBlank(c);
            case "islower" -> !Character.isUpperCase(c) && !Character.isTitleCase(c);
            case "isupper" -> !Character.isLowerCase(c) && !Character.isTitleCase(c);
            default -> Character.isDigit(c);
          };
      if (!ok) {
        return false;
      }
      cased |= Character.isLowerCase(c) || Character.isUpperCase(c);
    }
    return switch (name) {
      case "islower", "isupper" -> cased;
      case "isascii" -> true;
      default -> !text.isEmpty();
    };
  }

  private Object edge(String name, Arguments arguments) {
    Arguments.Bound bound = arguments.bind(name, "affix", "start", "end");
    Object part = within(bound, 1);
    boolean start = name.equals("startswith");
    if (bound.value(0) instanceof Items items && items.kind() == Items.Kind.TUPLE) {
      for (Object affix : items.values()) {
        if (affix instanceof String one && edge(part, one, start)) {
          return true;
        }
      }
      return false;
    }
    return edge(part, bound.text(0), start);
  }

  private static boolean edge(Object part, String affix, boolean start) {
    return part instanceof String text && (start ? text.startsWith(affix) : text.endsWith(affix));
  }

  /** The text between two optional indices. */
  private String within(Arguments.Bound bound, int first) {
    return bound.has(first)
        ? (String) Access.slice(run, text, bound.value(first), bound.value(first + 1, null), null)
        : text;
  }

  private Object find(String name, Arguments arguments) {
    Arguments.Bound bound = arguments.bind(name, "sub", "start", "end");
    String part = within(bound, 1);
    String wanted = bound.text(0);
    run.search(part, wanted);
    int at = name.startsWith("r") ? part.lastIndexOf(wanted) : part.indexOf(wanted);
    if (at < 0) {
      if (name.endsWith("index")) {
        throw new TemplateException("substring not found");
      }
      return -1L;
    }
    long index = part.codePointCount(0, at);
    return bound.has(1) && bound.value(1) != null ? index + start(bound) : index;
  }

  private long start(Arguments.Bound bound) {
    long start = Numbers.whole(bound.value(1));
    int length = Text.length(text);
    return Math.clamp(start < 0 ? start + length : start, 0, length);
  }

  private Object count(Arguments arguments) {
    Arguments.Bound bound = arguments.bind("count", "sub", "start", "end");
    String part = within(bound, 1);
    return count(part, bound.text(0));
  }

  private long count(String part, String wanted) {
    run.search(part, wanted);
    if (wanted.isEmpty()) {
      return Text.length(part) + 1L;
    }
    long count = 0;
    for (int i = part.indexOf(wanted); i >= 0; i = part.indexOf(wanted, i + wanted.length())) {
      count++;
    }
    return count;
  }

  String replace(String old, String replacement, int most) {
    long found = count(text, old);
    long times = most < 0 ? found : Math.min(found, most);
    run.spend(text.length() + times * replacement.length());
    StringBuilder result = new StringBuilder();
    int done = 0;
    for (long i = 0; i < times; i++) {
      int at = old.isEmpty() && i > 0 ? text.offsetByCodePoints(done, 1) : text.indexOf(old, done);
      result.append(text, done, at).append(replacement);
      done = at + old.length();
    }
    return result.append(text, done, text.length()).toString();
  }

  private Object list(List<Object> parts) {
    run.spend(text.length());
    return Items.list(run, parts);
  }

  private Object split(String separator, int most, boolean forward) {
    if (separator == null) {
      return list(words(most, forward));
    }
    if (separator.isEmpty()) {
      throw new TemplateException("empty separator");
    }
    run.search(text, separator);
    List<Object> parts = new ArrayList<>();
    int size = separator.length();
    if (forward) {
      int start = 0;
      for (int at = text.indexOf(separator);
          at >= 0 && parts.size() != most;
          at = text.indexOf(separator, start)) {
        parts.add(text.substring(start, at));
        start = at + size;
      }
      parts.add(text.substring(start));
      return list(parts);
    }
    int end = text.length();
    for (int at = text.lastIndexOf(separator);
        at >= 0 && parts.size() != most;
        at = text.lastIndexOf(separator, end - size)) {
      parts.add(text.substring(at + size, end));
      end = at;
    }
    parts.add(text.substring(0, end));
    return list(Access.reversed(parts));
  }

  private List<Object> words(int most, boolean forward) {
    List<Object> parts = new ArrayList<>();
    int step = forward ? 1 : -1;
    int end = forward ? text.length() : 0;
    int at = text.length() - end;
    while (true) {
      at = skip(at, end, step, true);
      if (at == end) {
        return forward ? parts : Access.reversed(parts);
      }
      int next = parts.size() == most ? end : skip(at, end, step, false);
      parts.add(text.substring(Math.min(at, next), Math.max(at, next)));
      at = next;
    }
  }

  /** Where characters end that are blank, or that are not. */
  private int skip(int from, int end, int step, boolean blank) {
    int at = from;
    while (at != end && Text.isBlank(text.charAt(step > 0 ? at : at - 1)) == blank) {
      at += step;
    }
    return at;
  }

  private List<Object> lines(boolean keepEnds) {
    List<Object> lines = new ArrayList<>();
    int start = 0;
    while (start < text.length()) {
      int end = start;
      while (end < text.length() && LINE_ENDS.indexOf(text.charAt(end)) < 0) {
        end++;
      }
      int next = text.startsWith("\r\n", end) ? end + 2 : Math.min(end + 1, text.length());
      lines.add(text.substring(start, keepEnds ? next : end));
      start = next;
    }
    return lines;
  }

  /** Lines with an empty one after a last newline. */
  List<Object> linesToIndent() {
    return new StringMethods(run, text.concat("\n")).lines(false);
  }

  private Object partition(String separator, boolean forward) {
    if (separator.isEmpty()) {
      throw new TemplateException("empty separator");
    }
    run.search(text, separator);
    int at = forward ? text.indexOf(separator) : text.lastIndexOf(separator);
    List<Object> parts = new ArrayList<>(3);
    if (at < 0) {
      parts.add(forward ? text : "");
      parts.add("");
      parts.add(forward ? "" : text);
    } else {
      parts.add(text.substring(0, at));
      parts.add(separator);
      parts.add(text.substring(at + separator.length()));
    }
    run.spend(text.length());
    return Items.tuple(run, parts);
  }

  private String join(Object iterable) {
    StringBuilder result = new StringBuilder();
    boolean first = true;
    for (Object part : Values.iterate(run, iterable)) {
      if (!(part instanceof String one)) {
        throw Values.unsupported(part, "join wants a str, not ", "");
      }
      run.spend(one.length() + (first ? 0 : text.length()));
      result.append(first ? "" : text).append(one);
      first = false;
    }
    return result.toString();
  }

  String pad(String side, long width, String fill) {
    long missing = Math.max(0, width - Text.length(text));
    run.spend(missing);
    // Python puts the odd blank of a centred text to the left where the width is odd.
    long left =
        switch (side) {
          case "ljust" -> 0;
          case "rjust" -> missing;
          default -> missing / 2 + (missing & width & 1);
        };
    return made(fill.repeat((int) left) + text + fill.repeat((int) (missing - left)));
  }

  private String zeros(long width) {
    boolean signed = text.startsWith("-") || text.startsWith("+");
    String digits = signed ? text.substring(1) : text;
    String padded = new StringMethods(run, digits).pad("rjust", width - (signed ? 1 : 0), "0");
    return signed ? text.charAt(0) + padded : padded;
  }
}
