package io.calidrop.generate;

import com.hubspot.jinjava.objects.SafeString;
import java.beans.FeatureDescriptor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELException;
import jinjava.javax.el.ELResolver;

/**
 * The methods of Python's strings and dictionaries that chat templates call. Those of Java are out
 * of reach: a template comes with a model and is not to be trusted.
 */
final class PythonMethods extends ELResolver {

  @Override
  public Object invoke(
      ELContext context, Object base, Object method, Class<?>[] types, Object[] arguments) {
    Object[] args = arguments == null ? new Object[0] : arguments;
    String name = String.valueOf(method);
    Object result;
    if (base instanceof String || base instanceof SafeString) {
      result = string(base.toString(), name, args);
    } else if (base instanceof Map<?, ?> map) {
      result = dictionary(map, name, args);
    } else {
      return null;
    }
    context.setPropertyResolved(true);
    return result;
  }

  private static Object string(String text, String name, Object[] args) {
    return switch (name) {
      case "strip" -> strip(text, args, true, true);
      case "lstrip" -> strip(text, args, true, false);
      case "rstrip" -> strip(text, args, false, true);
      case "upper" -> text.toUpperCase(Locale.ROOT);
      case "lower" -> text.toLowerCase(Locale.ROOT);
      case "capitalize" -> capitalize(text);
      case "title" -> title(text);
      case "startswith" -> text.startsWith(text(name, args, 0));
      case "endswith" -> text.endsWith(text(name, args, 0));
      case "find" -> (long) text.indexOf(text(name, args, 0));
      case "replace" -> text.replace(text(name, args, 0), text(name, args, 1));
      case "split" -> split(text, args);
      case "splitlines" -> new ArrayList<>(text.lines().toList());
      default -> throw unknown("a string", name);
    };
  }

  private static Object dictionary(Map<?, ?> map, String name, Object[] args) {
    return switch (name) {
      case "items" -> map.entrySet().stream().map(e -> new ArrayList<Object>(entry(e))).toList();
      case "keys" -> new ArrayList<>(map.keySet());
      case "values" -> new ArrayList<>(map.values());
      case "get" -> {
        Object value = map.get(text(name, args, 0));
        yield value == null && args.length > 1 ? args[1] : value;
      }
      default -> throw unknown("a dictionary", name);
    };
  }

  private static List<Object> entry(Map.Entry<?, ?> entry) {
    List<Object> pair = new ArrayList<>();
    Collections.addAll(pair, entry.getKey(), entry.getValue());
    return pair;
  }

  private static String strip(String text, Object[] args, boolean left, boolean right) {
    String set = args.length == 0 || args[0] == null ? null : args[0].toString();
    int start = 0;
    int end = text.length();
    while (left && start < end && stripped(text.charAt(start), set)) {
      start++;
    }
    while (right && start < end && stripped(text.charAt(end - 1), set)) {
      end--;
    }
    return text.substring(start, end);
  }

  private static boolean stripped(char c, String set) {
    return set == null
        ? Character.isWhitespace(c) || Character.isSpaceChar(c)
        : set.indexOf(c) >= 0;
  }

  private static List<Object> split(String text, Object[] args) {
    List<Object> parts = new ArrayList<>();
    if (args.length == 0 || args[0] == null) {
      String stripped = text.strip();
      if (!stripped.isEmpty()) {
        Collections.addAll(parts, (Object[]) stripped.split("\\s+"));
      }
      return parts;
    }
    String separator = text("split", args, 0);
    if (separator.isEmpty()) {
      throw new ELException("split needs a separator");
    }
    long most = args.length > 1 && args[1] instanceof Number n ? n.longValue() : -1;
    int start = 0;
    int end;
    while ((most < 0 || parts.size() < most) && (end = text.indexOf(separator, start)) >= 0) {
      parts.add(text.substring(start, end));
      start = end + separator.length();
    }
    parts.add(text.substring(start));
    return parts;
  }

  private static String capitalize(String text) {
    return text.isEmpty()
        ? text
        : text.substring(0, 1).toUpperCase(Locale.ROOT)
            + text.substring(1).toLowerCase(Locale.ROOT);
  }

  private static String title(String text) {
    StringBuilder title = new StringBuilder(text.toLowerCase(Locale.ROOT));
    for (int i = 0; i < title.length(); i++) {
      if (i == 0 || !Character.isLetter(title.charAt(i - 1))) {
        title.setCharAt(i, Character.toTitleCase(title.charAt(i)));
      }
    }
    return title.toString();
  }

  private static String text(String method, Object[] args, int i) {
    if (i >= args.length || args[i] == null) {
      throw new ELException(method + " needs " + (i + 1) + " arguments");
    }
    return args[i].toString();
  }

  private static ELException unknown(String type, String method) {
    return new ELException(type + " has no method " + method);
  }

  @Override
  public Object getValue(ELContext context, Object base, Object property) {
    return null;
  }

  @Override
  public Class<?> getType(ELContext context, Object base, Object property) {
    return null;
  }

  @Override
  public void setValue(ELContext context, Object base, Object property, Object value) {}

  @Override
  public boolean isReadOnly(ELContext context, Object base, Object property) {
    return false;
  }

  @Override
  public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
    return null;
  }

  @Override
  public Class<?> getCommonPropertyType(ELContext context, Object base) {
    return null;
  }
}
