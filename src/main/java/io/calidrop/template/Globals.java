package io.calidrop.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The functions that every template has. */
final class Globals {
  private static final int LONGEST_RANGE = 100_000; // as Jinja's sandbox has it

  private Globals() {}

  /** A scope of them. */
  static Scope scope() {
    Scope scope = new Scope(null);
    for (String name : List.of("range", "dict", "namespace", "raise_exception", "strftime_now")) {
      scope.set(name, (Callable) (run, arguments) -> call(run, name, arguments));
    }
    return scope;
  }

  private static Object call(Run run, String name, Arguments arguments) {
    return switch (name) {
      case "range" -> range(run, arguments.bind(name, "start", "stop", "step"));
      case "dict" -> dict(run, arguments);
      case "namespace" -> {
        Namespace namespace = new Namespace();
        dict(run, arguments)
            .forEach((key, value) -> namespace.attributes().put(Printer.string(run, key), value));
        yield namespace;
      }
      case "strftime_now" -> {
        String format = arguments.bind(name, "format").text(0);
        run.spend(64L * format.length());
        yield Strftime.format(format, java.time.ZonedDateTime.now(run.clock()));
      }
      default ->
          throw TemplateException.refusal(
              Printer.string(run, arguments.bind(name, "message").value(0)));
    };
  }

  private static Object range(Run run, Arguments.Bound bound) {
    Object second = bound.value(1, null);
    long start = second == null ? 0 : Operators.whole(bound.value(0));
    long stop = Operators.whole(second == null ? bound.value(0) : second);
    int step = bound.whole(2, 1);
    if (step == 0) {
      throw new TemplateException("range() arg 3 must not be zero");
    }
    if (Math.abs((double) stop - start) / Math.abs(step) > LONGEST_RANGE) {
      throw new TemplateException("a range of more than " + LONGEST_RANGE + " numbers");
    }
    List<Object> values = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      values.add(i);
    }
    return Items.list(run, values);
  }

  private static Map<Object, Object> dict(Run run, Arguments arguments) {
    Map<Object, Object> entries = new LinkedHashMap<>();
    for (Object given : arguments.positional()) {
      if (given instanceof Map<?, ?> dict) {
        entries.putAll(dict);
        continue;
      }
      for (Object pair : Values.iterate(run, given)) {
        List<Object> two = Values.iterate(run, pair);
        if (two.size() != 2) {
          throw new TemplateException("dict() wants pairs");
        }
        entries.put(Values.key(two.get(0)), two.get(1));
      }
    }
    entries.putAll(arguments.named());
    return Values.dict(run, entries);
  }
}
