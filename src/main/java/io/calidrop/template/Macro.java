package io.calidrop.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A macro, or the body of a {@code call} block, with the scope that it was defined in.
 *
 * @param scope of its definition
 */
record Macro(Definition definition, Scope scope) implements Callable {
  /**
   * What a template says of a macro.
   *
   * @param defaults of the last parameters
   * @param names that its body mentions, which says whether it takes any number of arguments
   */
  record Definition(
      String name,
      List<String> parameters,
      List<Expression> defaults,
      List<Statement> body,
      java.util.Set<String> names) {}

  @Override
  public Object call(Run run, Arguments arguments) {
    List<String> parameters = definition.parameters();
    List<Object> positional = arguments.positional();
    Map<Object, Object> others = new LinkedHashMap<>(arguments.named());
    Scope inner = new Scope(scope);
    int firstDefault = parameters.size() - definition.defaults().size();
    for (int i = 0; i < parameters.size(); i++) {
      String name = parameters.get(i);
      Object value;
      if (i < positional.size()) {
        value = positional.get(i);
        if (others.containsKey(name)) {
          throw fails("has two values for '" + name + "'");
        }
      } else if (others.containsKey(name)) {
        value = others.remove(name);
      } else {
        value =
            i < firstDefault
                ? new Undefined("parameter '" + name + "' was not provided")
                : definition.defaults().get(i - firstDefault).value(run, inner);
      }
      inner.set(name, value);
    }
    bindOthers(run, inner, positional, others);
    StringBuilder before = run.capture();
    Statement.all(run, inner, definition.body());
    return run.captured(before);
  }

  private void bindOthers(
      Run run, Scope inner, List<Object> positional, Map<Object, Object> others) {
    int taken = definition.parameters().size();
    boolean takesCaller = definition.names().contains("caller");
    if (takesCaller) {
      inner.set(
          "caller",
          others.containsKey("caller")
              ? others.remove("caller")
              : new Undefined("no caller defined"));
    }
    if (definition.names().contains("kwargs")) {
      inner.set("kwargs", Dict.of(run, others));
    } else if (!others.isEmpty()) {
      throw fails("takes no keyword argument '" + others.keySet().iterator().next() + "'");
    }
    List<Object> rest =
        positional.size() > taken
            ? new ArrayList<>(positional.subList(taken, positional.size()))
            : new ArrayList<>();
    if (definition.names().contains("varargs")) {
      inner.set("varargs", Items.tuple(run, rest));
    } else if (!rest.isEmpty()) {
      throw fails("takes not more than " + taken + " arguments");
    }
  }

  private TemplateException fails(String what) {
    return new TemplateException("macro '" + definition.name() + "' " + what);
  }
}
