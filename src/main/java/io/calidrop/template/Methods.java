package io.calidrop.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Methods of Python's strings, dicts, lists and tuples, of those that change nothing. */
final class Methods {
  private static final Set<String> OF_DICTS = Set.of("copy", "get", "items", "keys", "values");
  private static final Set<String> OF_LISTS = Set.of("copy", "count", "index");
  private static final Set<String> OF_STRINGS =
      Set.of(
          ("capitalize count endswith find format index isalnum isalpha isdigit islower isspace"
                  + " isupper join lower lstrip partition removeprefix removesuffix replace rfind"
                  + " rindex rpartition rsplit rstrip split splitlines startswith strip title upper")
              .split(" "));

  private Methods() {}

  static boolean has(Object object, String name) {
    return object instanceof String && OF_STRINGS.contains(name)
        || object instanceof Map && OF_DICTS.contains(name)
        || object instanceof Items items && items.isSequence() && OF_LISTS.contains(name);
  }

  static Object call(Run run, Object object, String name, Arguments arguments) {
    if (object instanceof String text) {
      run.spend(text.length() >> 4);
      return ofString(run, text, name, arguments);
    }
    return object instanceof Map<?, ?> dict
        ? ofDict(run, dict, name, arguments)
        : ofList(run, (Items) object, name, arguments);
  }

  private static Object ofDict(Run run, Map<?, ?> dict, String name, Arguments arguments) {
    if (name.equals("get")) {
      Arguments.Bound bound = arguments.bind("get", "key", "default");
      return Values.get(dict, bound.value(0), bound.value(1, null));
    }
    arguments.bind(name);
    return switch (name) {
      case "items" -> Items.of(run, Items.Kind.ITEMS, Values.pairs(run, dict));
      case "keys" -> Items.of(run, Items.Kind.KEYS, new ArrayList<>(dict.keySet()));
      case "values" -> Items.of(run, Items.Kind.VALUES, new ArrayList<>(dict.values()));
      default -> dict; // copy: it does not change
    };
  }

  private static Object ofList(Run run, Items items, String name, Arguments arguments) {
    if (name.equals("copy")) {
      return items;
    }
    Object wanted = arguments.bind(name, "value").value(0);
    long count = 0;
    for (int i = 0; i < items.values().size(); i++) {
      if (Values.equal(run, items.values().get(i), wanted)) {
        if (name.equals("index")) {
          return (long) i;
        }
        count++;
      }
    }
    if (name.equals("index")) {
      throw new TemplateException("the value is not in the list");
    }
    return count;
  }

  private static Object ofString(Run run, String text, String name, Arguments arguments) {
    boolean right = name.startsWith("r");
    return switch (name) {
      case "strip", "lstrip", "rstrip" -> {
        String chars = arguments.bind(name, "chars").text(0, null);
        run.search(text, chars == null ? "" : chars);
        yield run.made(Text.strip(text, chars, !right, !name.startsWith("l")));
      }
      case "startswith", "endswith" -> {
        Object affix = arguments.bind(name, "affix").value(0);
        if (affix instanceof Items items) {
          yield items.values().stream().anyMatch(one -> hasAffix(text, one, name));
        }
        yield hasAffix(text, arguments.bind(name, "affix").text(0), name);
      }
      case "removeprefix" -> {
        String prefix = arguments.bind(name, "prefix").text(0);
        yield run.made(text.startsWith(prefix) ? text.substring(prefix.length()) : text);
      }
      case "removesuffix" -> {
        String end = arguments.bind(name, "suffix").text(0);
        yield run.made(text.endsWith(end) ? text.substring(0, text.length() - end.length()) : text);
      }
      case "split", "rsplit" -> {
        Arguments.Bound bound = arguments.bind(name, "sep", "maxsplit");
        yield split(run, text, bound.text(0, null), bound.whole(1, -1), right);
      }
      case "splitlines" -> {
        arguments.bind(name);
        run.spend(text.length());
        yield Items.list(run, new ArrayList<>(text.lines().toList()));
      }
      case "partition", "rpartition" ->
          partition(run, text, separator(run, text, arguments.bind(name, "sep").text(0)), right);
      case "replace" -> {
        Arguments.Bound bound = arguments.bind(name, "old", "new", "count");
        yield replace(run, text, bound.text(0), bound.text(1), bound.whole(2, -1));
      }
      case "find", "index", "rfind", "rindex" -> {
        String wanted = arguments.bind(name, "sub").text(0);
        run.search(text, wanted);
        int at = right ? text.lastIndexOf(wanted) : text.indexOf(wanted);
        if (at < 0 && name.endsWith("index")) {
          throw new TemplateException("substring not found");
        }
        yield at < 0 ? -1L : (long) text.codePointCount(0, at);
      }
      case "count" -> count(run, text, arguments.bind(name, "sub").text(0));
      case "join" -> Filters.join(run, strings(run, arguments), text);
      case "format" -> Formatter.format(run, text, arguments);
      default -> {
        arguments.bind(name);
        yield name.startsWith("is") ? (Object) is(text, name) : run.made(cased(text, name));
      }
    };
  }

  private static boolean hasAffix(String text, Object affix, String name) {
    return affix instanceof String one
        && (name.equals("startswith") ? text.startsWith(one) : text.endsWith(one));
  }

  private static List<Object> strings(Run run, Arguments arguments) {
    List<Object> strings = Values.iterate(run, arguments.bind("join", "iterable").value(0));
    for (Object one : strings) {
      if (!(one instanceof String)) {
        throw Values.unsupported(one, "join wants a str, not ", "");
      }
    }
    return strings;
  }

  private static String cased(String text, String name) {
    return switch (name) {
      case "upper" -> Text.upper(text);
      case "lower" -> Text.lower(text);
      case "capitalize" -> Text.capitalize(text);
      default -> Text.title(text);
    };
  }

  /** What {@code isalpha} and its likes say. */
  static boolean is(String text, String name) {
    boolean all =
        text.codePoints()
            .allMatch(
                c ->
                    switch (name) {
                      case "isalnum" -> Character.isLetterOrDigit(c);
                      case "isalpha" -> Character.isLetter(c);
                      case "isdigit" -> Character.isDigit(c);
                      case "isspace" -> Text.isBlank(c);
                      case "islower" -> !Character.isUpperCase(c);
                      default -> !Character.isLowerCase(c);
                    });
    boolean cased = name.equals("islower") || name.equals("isupper");
    return all && (cased ? !Text.upper(text).equals(Text.lower(text)) : !text.isEmpty());
  }

  /** A text to look for, which must not be empty. */
  private static String separator(Run run, String text, String separator) {
    if (separator.isEmpty()) {
      throw new TemplateException("empty separator");
    }
    run.search(text, separator);
    return separator;
  }

  private static long count(Run run, String text, String wanted) {
    if (wanted.isEmpty()) {
      return Values.length(text) + 1;
    }
    run.search(text, wanted);
    long count = 0;
    for (int i = text.indexOf(wanted); i >= 0; i = text.indexOf(wanted, i + wanted.length())) {
      count++;
    }
    return count;
  }

  /** With a text in place of another, at most so many times, or each where that is negative. */
  static String replace(Run run, String text, String old, String replacement, int most) {
    long found = count(run, text, old);
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

  /** Parts between separators, which are blanks where it is null, at most so many of those. */
  private static Object split(Run run, String text, String separator, int most, boolean right) {
    if (separator == null && right && most >= 0) {
      throw new TemplateException("rsplit needs a separator");
    }
    run.spend(text.length());
    int limit = right || most < 0 ? -1 : most + 1;
    List<Object> parts = new ArrayList<>();
    if (separator != null) {
      String exactly = Pattern.quote(separator(run, text, separator));
      Collections.addAll(parts, (Object[]) text.split(exactly, limit));
      if (right && most >= 0 && parts.size() > most + 1) {
        List<Object> first = parts.subList(0, parts.size() - most);
        String joined = Filters.join(run, first, separator);
        first.clear();
        parts.addFirst(joined);
      }
      return Items.list(run, parts);
    }
    String begun = Text.strip(text, null, true, limit < 0);
    if (!begun.isEmpty()) {
      Collections.addAll(parts, (Object[]) begun.split("(?U)\\s+", limit));
      parts.remove(""); // after blanks that are the last
    }
    return Items.list(run, parts);
  }

  private static Object partition(Run run, String text, String separator, boolean right) {
    run.spend(text.length());
    int at = right ? text.lastIndexOf(separator) : text.indexOf(separator);
    List<Object> parts =
        at >= 0
            ? List.of(text.substring(0, at), separator, text.substring(at + separator.length()))
            : right ? List.of("", "", text) : List.of(text, "", "");
    return Items.of(run, Items.Kind.TUPLE, parts);
  }
}
