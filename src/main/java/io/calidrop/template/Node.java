package io.calidrop.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A part of a template, ready to be evaluated. A statement's value is null, or {@link #BREAK} or
 * {@link #CONTINUE}. Parts that are not written are null.
 */
@FunctionalInterface
interface Node {
  Object BREAK = new Object();
  Object CONTINUE = new Object();

  Object value(Run run, Scope scope);

  /** What a value can be given to. */
  @FunctionalInterface
  interface Target {
    void set(Run run, Scope scope, Object value);
  }

  /** A part within bounds; an error says that it is there, at an offset into the source. */
  static Node at(int at, Node part) {
    return (run, scope) -> {
      try {
        run.enter();
        Object value = part.value(run, scope);
        run.leave();
        return value;
      } catch (TemplateException e) {
        e.at(at);
        throw e;
      }
    };
  }

  /** Statements in their order, until one leaves a loop. */
  static Object all(Run run, Scope scope, List<Node> statements) {
    for (Node statement : statements) {
      Object left = statement.value(run, scope);
      if (left != null) {
        return left;
      }
    }
    return null;
  }

  private static List<Object> values(Run run, Scope scope, List<Node> nodes) {
    List<Object> values = new ArrayList<>(nodes.size());
    for (Node node : nodes) {
      values.add(node.value(run, scope));
    }
    return values;
  }

  static Node list(Items.Kind kind, List<Node> elements) {
    return (run, scope) -> Items.of(run, kind, values(run, scope, elements));
  }

  static Node dict(List<Node> keys, List<Node> values) {
    return (run, scope) -> {
      Map<Object, Object> entries = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        Object key = Values.key(keys.get(i).value(run, scope));
        entries.put(key, values.get(i).value(run, scope));
      }
      return Values.dict(run, entries);
    };
  }

  static Node slice(Node object, Node start, Node stop, Node step) {
    return (run, scope) ->
        Access.slice(
            run,
            object.value(run, scope),
            start == null ? null : start.value(run, scope),
            stop == null ? null : stop.value(run, scope),
            step == null ? null : step.value(run, scope));
  }

  /** A chain such as {@code a < b <= c}. */
  static Node comparison(Node first, List<String> operators, List<Node> others) {
    return (run, scope) -> {
      Object left = first.value(run, scope);
      for (int i = 0; i < operators.size(); i++) {
        Object right = others.get(i).value(run, scope);
        if (!Operators.compare(run, operators.get(i), left, right)) {
          return false;
        }
        left = right;
      }
      return true;
    };
  }

  /** {@code or} where the first part decides if it is true, {@code and} if it is false. */
  static Node logic(boolean decides, Node left, Node right) {
    return (run, scope) -> {
      Object value = left.value(run, scope);
      return Values.isTrue(value) == decides ? value : right.value(run, scope);
    };
  }

  static Node conditional(Node test, Node then, Node otherwise) {
    return (run, scope) -> {
      if (Values.isTrue(test.value(run, scope))) {
        return then.value(run, scope);
      }
      return otherwise == null
          ? new Undefined("the inline if-expression is false and has no else")
          : otherwise.value(run, scope);
    };
  }

  /** Arguments as written. */
  record ArgumentList(List<Node> positional, Map<String, Node> named) {
    Arguments value(Run run, Scope scope) {
      Map<String, Object> byName = new LinkedHashMap<>();
      named.forEach((name, node) -> byName.put(name, node.value(run, scope)));
      return new Arguments(values(run, scope, positional), byName);
    }
  }

  static Node call(Node function, ArgumentList arguments) {
    return (run, scope) -> {
      Object callee = function.value(run, scope);
      Arguments given = arguments.value(run, scope);
      if (callee instanceof Callable callable) {
        return callable.call(run, given);
      }
      throw Values.unsupported(callee, "", " object is not callable");
    };
  }

  static Node output(Node expression) {
    return (run, scope) -> {
      run.write(Printer.string(run, expression.value(run, scope)));
      return null;
    };
  }

  static Node assignment(Target target, Node expression) {
    return (run, scope) -> {
      target.set(run, scope, expression.value(run, scope));
      return null;
    };
  }

  static Target attribute(String name, String attribute) {
    return (run, scope, value) -> {
      if (!(scope.get(name) instanceof Namespace namespace)) {
        throw new TemplateException("cannot assign attribute on non-namespace object");
      }
      namespace.attributes().put(attribute, value);
    };
  }

  static Target tuple(List<Target> targets) {
    return (run, scope, value) -> {
      List<Object> values = Values.iterate(run, value);
      if (values.size() != targets.size()) {
        throw new TemplateException(
            "cannot unpack " + values.size() + " values into " + targets.size() + " names");
      }
      for (int i = 0; i < values.size(); i++) {
        targets.get(i).set(run, scope, values.get(i));
      }
    };
  }

  /** Branches with as many conditions, or one less: then the last is the {@code else}. */
  static Node branches(List<Node> conditions, List<List<Node>> branches) {
    return (run, scope) -> {
      for (int i = 0; i < branches.size(); i++) {
        if (i == conditions.size() || Values.isTrue(conditions.get(i).value(run, scope))) {
          return all(run, scope, branches.get(i));
        }
      }
      return null;
    };
  }

  /** A loop over those elements that meet the condition; {@code otherwise} is for none. */
  static Node loop(
      Target target, Node iterable, Node condition, List<Node> body, List<Node> otherwise) {
    return (run, scope) -> {
      List<Object> chosen = new ArrayList<>();
      for (Object value : Values.iterate(run, iterable.value(run, scope))) {
        if (condition == null) {
          chosen.add(value);
          continue;
        }
        Scope inner = new Scope(scope);
        target.set(run, inner, value);
        if (Values.isTrue(condition.value(run, inner))) {
          chosen.add(value);
        }
      }
      Loop loop = new Loop(chosen);
      while (loop.hasNext()) {
        run.spend(1);
        Scope inner = new Scope(scope);
        target.set(run, inner, loop.next());
        inner.set("loop", loop);
        if (all(run, inner, body) == BREAK) {
          break;
        }
      }
      return chosen.isEmpty() ? all(run, new Scope(scope), otherwise) : null;
    };
  }

  /** A block with names of its own: {@code with}, and Hugging Face's {@code generation}. */
  static Node inner(List<Target> targets, List<Node> values, List<Node> body) {
    return (run, scope) -> {
      Scope inner = new Scope(scope);
      for (int i = 0; i < targets.size(); i++) {
        targets.get(i).set(run, inner, values.get(i).value(run, scope));
      }
      return all(run, inner, body);
    };
  }

  /**
   * A macro, or the body of a {@code call} block.
   *
   * @param parameters with their defaults
   * @param names that its body mentions, which says whether it takes any number of arguments
   */
  static Node macro(String name, Map<String, Node> parameters, List<Node> body, Set<String> names) {
    return (run, scope) ->
        (Callable)
            (caller, arguments) -> {
              Scope inner = new Scope(scope);
              Map<Object, Object> others = new LinkedHashMap<>(arguments.named());
              List<Object> rest = new ArrayList<>(arguments.positional());
              parameters.forEach(
                  (parameter, absent) -> {
                    if (!rest.isEmpty()) {
                      inner.set(parameter, rest.removeFirst());
                    } else if (others.containsKey(parameter)) {
                      inner.set(parameter, others.remove(parameter));
                    } else {
                      inner.set(parameter, absent.value(caller, inner));
                    }
                  });
              if (names.contains("caller")) {
                Object given = others.remove("caller");
                inner.set("caller", given == null ? new Undefined("no caller defined") : given);
              }
              if (names.contains("kwargs")) {
                inner.set("kwargs", Values.dict(caller, new LinkedHashMap<>(others)));
                others.clear();
              }
              if (names.contains("varargs")) {
                inner.set("varargs", Items.of(caller, Items.Kind.TUPLE, new ArrayList<>(rest)));
                rest.clear();
              }
              if (!rest.isEmpty() || !others.isEmpty()) {
                throw Arguments.tooMany(name, parameters.size(), others);
              }
              return caller.capture(inner, body);
            };
  }
}
