package io.calidrop.template;

import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A function that every template has. */
record Global(String name) implements Callable {
  private static final int LONGEST_RANGE = 100_000; // as Jinja's sandbox has it
  private static final String[] NAMES = {
    "range", "dict", "namespace", "raise_exception", "strftime_now"
  };

  static void define(Scope scope) {
    for (String name : NAMES) {
      scope.set(name, new Global(name));
    }
  }

  @Override
  public Object call(Run run, Arguments arguments) {
    return switch (name) {
      case "range" -> range(run, arguments);
      case "dict" -> dict(run, arguments);
      case "namespace" -> namespace(run, arguments);
      case "strftime_now" -> now(run, arguments);
      default -> throw refusal(run, arguments);
    };
  }

  private static Object range(Run run, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("range", "start", "stop", "step");
    long start = bound.has(1) ? Numbers.whole(bound.value(0)) : 0;
    long stop = Numbers.whole(bound.value(bound.has(1) ? 1 : 0));
    long step = Numbers.whole(bound.value(2, 1L));
    if (step == 0) {
      throw new TemplateException("range() arg 3 must not be zero");
    }
    List<Object> values = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      if (values.size() == LONGEST_RANGE) {
        throw new TemplateException("a range of more than " + LONGEST_RANGE + " numbers");
      }
      values.add(i);
      if (i > 0 == step > 0 && Math.abs(i) > Long.MAX_VALUE - Math.abs(step)) {
        break;
      }
    }
    return Items.of(run, Items.Kind.RANGE, values);
  }

  private static Object dict(Run run, Arguments arguments) {
    Map<Object, Object> entries = new LinkedHashMap<>();
    if (!arguments.positional().isEmpty()) {
      Object first = arguments.positional().getFirst();
      if (first instanceof Dict dict) {
        entries.putAll(dict.entries());
      } else {
        for (Object pair : Values.iterate(run, first)) {
          List<Object> two = Values.iterate(run, pair);
          if (two.size() != 2) {
            throw new TemplateException("dict() wants pairs");
          }
          entries.put(Dict.key(two.get(0)), two.get(1));
        }
      }
    }
    entries.putAll(arguments.named());
    return Dict.of(run, entries);
  }

  private static Object namespace(Run run, Arguments arguments) {
    Namespace namespace = new Namespace();
    Dict entries = (Dict) dict(run, arguments);
    for (Map.Entry<Object, Object> entry : entries.entries().entrySet()) {
      namespace.set(Printer.string(run, entry.getKey()), entry.getValue());
    }
    return namespace;
  }

  private static TemplateException refusal(Run run, Arguments arguments) {
    Object message = arguments.bind("raise_exception", "message").value(0);
    return TemplateException.refusal(Printer.string(run, message));
  }

  private static Object now(Run run, Arguments arguments) {
    String format = arguments.bind("strftime_now", "format").text(0);
    run.spend(64L * format.length());
    return Strftime.format(format, ZonedDateTime.now(run.clock()));
  }
}
