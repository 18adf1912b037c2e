package io.calidrop.template;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What can follow {@code |}. */
final class Filters {
  private Filters() {}

  static Object apply(Run run, String name, Object value, Arguments arguments) {
    return switch (name) {
      case "default", "d" -> {
        Arguments.Bound bound = arguments.bind(name, "default_value", "boolean");
        boolean missing = value instanceof Undefined || bound.flag(1) && !Values.isTrue(value);
        yield missing ? bound.value(0, "") : value;
      }
      case "tojson" -> json(run, value, arguments);
      case "items" -> items(run, value, arguments);
      case "abs" -> Numbers.absolute(plain(name, value, arguments));
      case "attr" -> attribute(run, value, arguments.bind(name, "name").text(0));
      case "round" -> {
        Arguments.Bound bound = arguments.bind(name, "precision", "method");
        yield Numbers.round(value, bound.whole(0, 0), bound.text(1, "common"));
      }
      case "int" -> {
        Arguments.Bound bound = arguments.bind(name, "default", "base");
        Long number = Numbers.parse(defined(value), bound.whole(1, 10));
        yield number == null ? bound.value(0, 0L) : number;
      }
      case "float" -> {
        Double number = Numbers.parseReal(defined(value));
        yield number == null ? arguments.bind(name, "default").value(0, 0.0) : number;
      }
      case "length", "count" -> Values.length(plain(name, value, arguments));
      case "first", "last", "list", "reverse" ->
          ListFilters.simple(run, name, plain(name, value, arguments));
      case "join", "sort", "dictsort", "unique", "min", "max", "sum" ->
          ListFilters.whole(run, name, value, arguments);
      case "map", "select", "reject", "selectattr", "rejectattr" ->
          ListFilters.each(run, name, value, arguments);
      case "indent", "truncate" -> {
        boolean nothing = value instanceof Undefined && name.equals("truncate");
        if (!nothing && !(value instanceof String)) {
          throw Values.unsupported(value, name + " wants a str, not ", "");
        }
        yield text(run, name, nothing ? "" : (String) value, arguments);
      }
      default -> text(run, name, Printer.string(run, value), arguments);
    };
  }

  /** A value whose filter takes no arguments. */
  private static Object plain(String name, Object value, Arguments arguments) {
    arguments.bind(name);
    return value;
  }

  private static Object defined(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.error();
    }
    return value;
  }

  private static Object text(Run run, String name, String text, Arguments arguments) {
    run.spend(text.length() >> 4);
    StringMethods methods = new StringMethods(run, text);
    return switch (name) {
      case "trim" ->
          methods.call("strip", new Arguments(positional(arguments.bind(name, "chars")), Map.of()));
      case "upper", "lower", "capitalize" -> methods.call(name, arguments);
      case "title" -> run.made(title((String) plain(name, text, arguments)));
      case "string", "safe" -> plain(name, text, arguments);
      case "e", "escape" -> run.made(escape((String) plain(name, text, arguments)));
      case "replace" -> {
        Arguments.Bound bound = arguments.bind(name, "old", "new", "count");
        yield methods.replace(
            Printer.string(run, bound.value(0)),
            Printer.string(run, bound.value(1)),
            bound.whole(2, -1));
      }
      case "format" ->
          new Formatter(run)
              .percent(
                  text,
                  arguments.named().isEmpty()
                      ? Items.tuple(run, arguments.positional())
                      : Dict.of(run, new java.util.LinkedHashMap<>(arguments.named())));
      case "center" -> methods.pad(name, arguments.bind(name, "width").whole(0, 80), " ");
      case "indent" -> indent(run, methods, arguments);
      case "truncate" -> truncate(run, text, arguments);
      case "wordcount" -> words((String) plain(name, text, arguments));
      case "urlencode" -> run.made(encoded((String) plain(name, text, arguments)));
      default -> throw new TemplateException("no filter named '" + name + "'");
    };
  }

  private static List<Object> positional(Arguments.Bound bound) {
    List<Object> values = new ArrayList<>(1);
    if (bound.has(0)) {
      values.add(bound.value(0));
    }
    return values;
  }

  private static Object json(Run run, Object value, Arguments arguments) {
    Arguments.Bound bound =
        arguments.bind("tojson", "ensure_ascii", "indent", "separators", "sort_keys");
    Object indent = bound.value(1, null);
    String unit = null;
    if (indent instanceof String text) {
      unit = text;
    } else if (indent != null) {
      unit = " ".repeat(Math.clamp(Numbers.whole(indent), 0, 1000));
    }
    String itemEnd = unit == null ? ", " : ",";
    String keyEnd = ": ";
    if (bound.value(2, null) instanceof Items pair && pair.values().size() == 2) {
      itemEnd = Printer.string(run, pair.values().get(0));
      keyEnd = Printer.string(run, pair.values().get(1));
    }
    return new Printer.Json(bound.flag(0), unit, itemEnd, keyEnd, bound.flag(3))
        .write(run, defined(value));
  }

  private static Object items(Run run, Object value, Arguments arguments) {
    arguments.bind("items");
    if (value instanceof Undefined) {
      return Items.generator(run, List.of());
    }
    if (value instanceof Dict dict) {
      return Items.generator(run, dict.items(run));
    }
    throw new TemplateException("can only get item pairs from a mapping");
  }

  /** An attribute, without what has that name as a key. */
  private static Object attribute(Run run, Object value, String name) {
    Object attribute = Access.attribute(run, value, name);
    boolean key = value instanceof Dict && !(attribute instanceof Callable);
    return key ? new Undefined("'dict object' has no attribute '" + name + "'") : attribute;
  }

  private static String title(String text) {
    StringBuilder result = new StringBuilder(text.length());
    boolean start = true;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      String one = Character.toString(c);
      result.append(start ? one.toUpperCase(Locale.ROOT) : one.toLowerCase(Locale.ROOT));
      start = Text.isBlank(c) || "-({[<".indexOf(c) >= 0;
    }
    return result.toString();
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("'", "&#39;")
        .replace("\"", "&#34;");
  }

  private static Object indent(Run run, StringMethods text, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("indent", "width", "first", "blank");
    Object width = bound.value(0, 4L);
    String indent =
        width instanceof String given
            ? given
            : " ".repeat(Math.clamp(Numbers.whole(width), 0, 1 << 20));
    StringBuilder out = new StringBuilder();
    boolean first = true;
    for (Object line : text.linesToIndent()) {
      String one = (String) line;
      boolean indented = first ? bound.flag(1) : bound.flag(2) || !one.isEmpty();
      run.spend(one.length() + (indented ? indent.length() : 0) + 1);
      out.append(first ? "" : "\n").append(indented ? indent : "").append(one);
      first = false;
    }
    return out.toString();
  }

  private static Object truncate(Run run, String text, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("truncate", "length", "killwords", "end", "leeway");
    int length = bound.whole(0, 255);
    String end = bound.text(2, "...");
    if (Text.length(text) <= (long) length + bound.whole(3, 5)) {
      return text;
    }
    String start = Text.slice(text, 0, Math.max(0, length - Text.length(end)));
    int blank = start.lastIndexOf(' ');
    return run.made((bound.flag(1) || blank < 0 ? start : start.substring(0, blank)).concat(end));
  }

  private static long words(String text) {
    long count = 0;
    boolean inside = false;
    for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
      int c = text.codePointAt(i);
      boolean word = c == '_' || Character.isLetterOrDigit(c);
      count += word && !inside ? 1 : 0;
      inside = word;
    }
    return count;
  }

  private static String encoded(String text) {
    StringBuilder out = new StringBuilder();
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      if (b > 0 && (Character.isLetterOrDigit(b) || "_.-~/".indexOf(b) >= 0)) {
        out.append((char) b);
      } else {
        out.append('%');
        out.append(Character.toUpperCase(Character.forDigit(b >> 4 & 15, 16)));
        out.append(Character.toUpperCase(Character.forDigit(b & 15, 16)));
      }
    }
    return out.toString();
  }
}
