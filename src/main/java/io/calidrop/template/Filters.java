package io.calidrop.template;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** What can follow {@code |}. */
final class Filters {
  private Filters() {}

  static Object apply(Run run, String name, Object value, Arguments given) {
    return switch (name) {
      case "default", "d" -> {
        Arguments.Bound bound = given.bind(name, "default_value", "boolean");
        boolean missing = value instanceof Undefined || bound.flag(1) && !Values.isTrue(value);
        yield missing ? bound.value(0, "") : value;
      }
      case "tojson" -> json(run, value, given);
      case "join", "sort", "dictsort", "unique", "min", "max", "sum" ->
          Sorting.apply(run, name, value, given);
      case "map" -> map(run, value, given);
      case "select", "reject", "selectattr", "rejectattr" -> select(run, name, value, given);
      case "first", "last", "list", "reverse", "items" -> {
        given.bind(name);
        yield elements(run, name, value);
      }
      case "length", "count", "abs" -> {
        given.bind(name);
        yield name.equals("abs") ? absolute(value) : (Object) Values.length(value);
      }
      case "round" -> round(value, given.bind(name, "precision").whole(0, 0));
      case "int", "float" -> {
        Object number = number(name, value);
        Object absent = name.equals("int") ? (Object) 0L : (Object) 0.0;
        yield number == null ? given.bind(name, "default").value(0, absent) : number;
      }
      default -> text(run, name, value, given);
    };
  }

  private static Object text(Run run, String name, Object value, Arguments given) {
    String text = Printer.string(run, value);
    run.spend(text.length() >> 4);
    switch (name) {
      case "trim", "upper", "lower", "capitalize", "title" -> {
        return Methods.call(run, text, name.equals("trim") ? "strip" : name, given);
      }
      case "replace" -> {
        Arguments.Bound bound = given.bind(name, "old", "new", "count");
        String old = Printer.string(run, bound.value(0));
        String replacement = Printer.string(run, bound.value(1));
        return Methods.replace(run, text, old, replacement, bound.whole(2, -1));
      }
      case "format" -> {
        Object values =
            given.named().isEmpty()
                ? Items.of(run, Items.Kind.TUPLE, given.positional())
                : Values.dict(run, new LinkedHashMap<>(given.named()));
        return Formatter.percent(run, text, values);
      }
      case "indent", "truncate" -> {
        if (!(value instanceof String) && !(value instanceof Undefined)) {
          throw Values.unsupported(value, name + " wants a str, not ", "");
        }
        return name.equals("indent")
            ? indent(run, text, given.bind(name, "width", "first", "blank"))
            : truncate(run, text, given.bind(name, "length", "killwords", "end", "leeway"));
      }
      default -> given.bind(name);
    }
    return switch (name) {
      case "e", "escape" -> run.made(Text.escape(text));
      case "string", "safe" -> text;
      case "wordcount" -> Pattern.compile("(?U)\\w+").matcher(text).results().count();
      default -> throw new TemplateException("no filter named '" + name + "'");
    };
  }

  private static Object json(Run run, Object value, Arguments given) {
    Arguments.Bound bound =
        given.bind("tojson", "ensure_ascii", "indent", "separators", "sort_keys");
    Object indent = bound.value(1, null);
    String unit = indent == null ? null : indent(indent);
    String comma = unit == null ? ", " : ",";
    String colon = ": ";
    if (bound.value(2, null) instanceof Items pair && pair.values().size() == 2) {
      comma = Printer.string(run, pair.values().get(0));
      colon = Printer.string(run, pair.values().get(1));
    }
    StringBuilder out = new StringBuilder();
    return new Printer(run, out, true, bound.flag(0), unit, comma, colon, bound.flag(3))
        .text(value);
  }

  /** A text to indent with, or so many blanks. */
  private static String indent(Object width) {
    return width instanceof String text
        ? text
        : " ".repeat(Math.clamp(Operators.whole(width), 0, 1 << 16));
  }

  private static Object elements(Run run, String name, Object value) {
    if (name.equals("items")) {
      if (value instanceof Map || value instanceof Undefined) {
        Map<?, ?> dict = value instanceof Map<?, ?> map ? map : Map.of();
        return Items.generator(run, Values.pairs(run, dict));
      }
      throw new TemplateException("can only get item pairs from a mapping");
    }
    boolean last = name.equals("last") || name.equals("reverse");
    if (last && value instanceof Items items && items.kind() == Items.Kind.GENERATOR) {
      throw new TemplateException("'generator' object is not reversible");
    }
    List<Object> values = Values.iterate(run, value);
    if (name.equals("list")) {
      return Items.list(run, new ArrayList<>(values));
    }
    if (name.equals("reverse")) {
      return value instanceof String
          ? join(run, values.reversed(), "")
          : Items.generator(run, new ArrayList<>(values.reversed()));
    }
    if (values.isEmpty()) {
      return new Undefined("no " + name + " item, the sequence was empty");
    }
    return last ? values.getLast() : values.getFirst();
  }

  /** Texts of all, with a text between them. */
  static String join(Run run, List<Object> values, String separator) {
    StringBuilder out = new StringBuilder();
    boolean first = true;
    for (Object value : values) {
      String text = Printer.string(run, value);
      run.spend(text.length() + separator.length());
      out.append(first ? "" : separator).append(text);
      first = false;
    }
    return out.toString();
  }

  private static Object map(Run run, Object value, Arguments given) {
    List<Object> result = new ArrayList<>();
    boolean byFilter = !given.positional().isEmpty();
    Arguments rest = byFilter ? given.from(1) : given;
    Arguments.Bound bound = byFilter ? null : given.bind("map", "attribute", "default");
    for (Object element : Values.isTrue(value) ? Values.iterate(run, value) : List.of()) {
      if (byFilter) {
        String filter = Printer.string(run, given.positional().getFirst());
        result.add(apply(run, filter, element, rest));
      } else {
        Object attribute = Sorting.path(run, element, bound.value(0));
        result.add(attribute instanceof Undefined ? bound.value(1, attribute) : attribute);
      }
    }
    return Items.generator(run, result);
  }

  private static Object select(Run run, String name, Object value, Arguments given) {
    boolean byAttribute = name.endsWith("attr");
    int skipped = byAttribute ? 1 : 0;
    List<Object> positional = given.positional();
    if (positional.size() < skipped) {
      throw new TemplateException(name + " needs the name of an attribute");
    }
    boolean byTest = positional.size() > skipped;
    Arguments rest = given.from(byTest ? skipped + 1 : skipped);
    List<Object> result = new ArrayList<>();
    for (Object element : Values.isTrue(value) ? Values.iterate(run, value) : List.of()) {
      Object tested = byAttribute ? Sorting.path(run, element, positional.getFirst()) : element;
      boolean holds =
          byTest
              ? Tests.apply(run, Printer.string(run, positional.get(skipped)), tested, rest)
              : Values.isTrue(tested);
      if (holds == name.startsWith("select")) {
        result.add(element);
      }
    }
    return Items.generator(run, result);
  }

  private static Object indent(Run run, String text, Arguments.Bound bound) {
    String indent = indent(bound.value(0, 4L));
    StringBuilder out = new StringBuilder();
    boolean first = true;
    for (String line : text.split("\r?\n", -1)) {
      boolean indented = first ? bound.flag(1) : bound.flag(2) || !line.isEmpty();
      run.spend(line.length() + (indented ? indent.length() : 0) + 1);
      out.append(first ? "" : "\n").append(indented ? indent : "").append(line);
      first = false;
    }
    return out.toString();
  }

  private static Object truncate(Run run, String text, Arguments.Bound bound) {
    long length = bound.whole(0, 255);
    String end = bound.text(2, "...");
    if (Values.length(text) <= length + bound.whole(3, 5)) {
      return text;
    }
    long kept = Math.max(0, length - Values.length(end));
    String start = (String) Access.slice(run, text, null, kept, null);
    int blank = start.lastIndexOf(' ');
    return run.made((bound.flag(1) || blank < 0 ? start : start.substring(0, blank)).concat(end));
  }

  private static Object absolute(Object value) {
    return Operators.signed(Operators.order(value, 0L) < 0, value);
  }

  /** Of two equally near, the even one. */
  private static Object round(Object value, int digits) {
    double number = Operators.real(value);
    if (!(value instanceof Double) || !Double.isFinite(number) || Math.abs(digits) > 300) {
      return value;
    }
    return new BigDecimal(number).setScale(digits, RoundingMode.HALF_EVEN).doubleValue();
  }

  /** {@code int(value)} or {@code float(value)}, or null where Python has an error. */
  private static Object number(String name, Object value) {
    if (value instanceof Undefined) {
      throw Values.unsupported(value, "", "");
    }
    Object number = Operators.isNumber(value) ? value : null;
    // Java reads suffixes and hexadecimal numbers too.
    if (value instanceof String text && text.strip().matches("[-+]?[0-9]{1,18}")) {
      number = Long.valueOf(text.strip());
    } else if (value instanceof String text
        && text.strip().matches("[-+]?([0-9]++[.]?[0-9]*+|[.][0-9]++)([eE][-+]?[0-9]++)?")) {
      number = Double.valueOf(text.strip());
    }
    if (number == null || name.equals("float")) {
      return number == null ? null : (Object) Operators.real(number);
    }
    if (number instanceof Double real) {
      return Math.abs(real) < 0x1p63 ? real.longValue() : null;
    }
    return Operators.whole(number);
  }
}
