package io.calidrop.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A macro, or the body of a {@code call} block.
 *
 * @param scope of its definition
 */
record Macro(Expression.Function function, Scope scope) implements Callable {
  @Override
  public Object call(Run run, Arguments arguments) {
    List<String> parameters = function.parameters();
    List<Object> positional = arguments.positional();
    Map<Object, Object> others = new LinkedHashMap<>(arguments.named());
    Scope inner = new Scope(scope);
    int firstDefault = parameters.size() - function.defaults().size();
    for (int i = 0; i < parameters.size(); i++) {
      String name = parameters.get(i);
      if (i < positional.size()) {
        inner.set(name, positional.get(i));
      } else if (others.containsKey(name)) {
        inner.set(name, others.remove(name));
      } else if (i >= firstDefault) {
        inner.set(name, function.defaults().get(i - firstDefault).value(run, inner));
      } else {
        inner.set(name, new Undefined("parameter '" + name + "' was not provided"));
      }
    }
    if (function.names().contains("caller")) {
      Object caller = others.remove("caller");
      inner.set("caller", caller == null ? new Undefined("no caller defined") : caller);
    }
    int taken = Math.min(parameters.size(), positional.size());
    List<Object> rest = new ArrayList<>(positional.subList(taken, positional.size()));
    if (function.names().contains("kwargs")) {
      inner.set("kwargs", Values.dict(run, others));
    } else if (!others.isEmpty()) {
      throw Arguments.tooMany(function.name(), taken, others);
    }
    if (function.names().contains("varargs")) {
      inner.set("varargs", Items.of(run, Items.Kind.TUPLE, rest));
    } else if (!rest.isEmpty()) {
      throw Arguments.tooMany(function.name(), taken, others);
    }
    return run.capture(inner, function.body());
  }
}
