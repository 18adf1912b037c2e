package io.calidrop.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A part of a template that has a value. Parts that are not written are null. */
sealed interface Expression extends Node {
  record Literal(Object constant, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return constant;
    }
  }

  record Name(String name, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return scope.get(name);
    }
  }

  record ListOf(Items.Kind kind, List<Expression> elements, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return Items.of(run, kind, all(run, scope, elements));
    }
  }

  private static List<Object> all(Run run, Scope scope, List<Expression> expressions) {
    List<Object> values = new ArrayList<>(expressions.size());
    for (Expression expression : expressions) {
      values.add(expression.value(run, scope));
    }
    return values;
  }

  record DictOf(List<Expression> keys, List<Expression> values, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Map<Object, Object> entries = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        Object key = Values.key(keys.get(i).value(run, scope));
        entries.put(key, values.get(i).value(run, scope));
      }
      return Values.dict(run, entries);
    }
  }

  record Attribute(Expression object, String name, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return Access.attribute(object.value(run, scope), name);
    }
  }

  record Item(Expression object, Expression key, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return Access.item(run, object.value(run, scope), key.value(run, scope));
    }
  }

  record Slice(Expression object, Expression start, Expression stop, Expression step, int at)
      implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return Access.slice(
          run,
          object.value(run, scope),
          start == null ? null : start.value(run, scope),
          stop == null ? null : stop.value(run, scope),
          step == null ? null : step.value(run, scope));
    }
  }

  /** Arguments as written; the last two unpack a value. */
  record ArgumentList(
      List<Expression> positional,
      Map<String, Expression> named,
      Expression star,
      Expression doubleStar) {
    Arguments value(Run run, Scope scope) {
      List<Object> values = all(run, scope, positional);
      if (star != null) {
        values.addAll(Values.iterate(run, star.value(run, scope)));
      }
      Map<String, Object> byName = new LinkedHashMap<>();
      for (Map.Entry<String, Expression> argument : named.entrySet()) {
        byName.put(argument.getKey(), argument.getValue().value(run, scope));
      }
      if (doubleStar != null) {
        if (!(doubleStar.value(run, scope) instanceof Map<?, ?> dict)) {
          throw new TemplateException("what follows ** must be a mapping");
        }
        for (Map.Entry<?, ?> entry : dict.entrySet()) {
          byName.put(Printer.string(run, entry.getKey()), entry.getValue());
        }
      }
      run.spend(values.size() + byName.size());
      return new Arguments(values, byName);
    }
  }

  record Call(Expression function, ArgumentList arguments, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object callee = function.value(run, scope);
      Arguments given = arguments.value(run, scope);
      if (callee instanceof Callable callable) {
        return callable.call(run, given);
      }
      throw Values.unsupported(callee, "", " object is not callable");
    }
  }

  record Filter(Expression object, String name, ArgumentList arguments, int at)
      implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object value = object.value(run, scope);
      return Filters.apply(run, name, value, arguments.value(run, scope));
    }
  }

  record Test(Expression object, String name, ArgumentList arguments, int at)
      implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object value = object.value(run, scope);
      return Tests.apply(run, name, value, arguments.value(run, scope));
    }
  }

  record Not(Expression operand, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return !Values.isTrue(operand.value(run, scope));
    }
  }

  record Sign(boolean minus, Expression operand, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return Operators.signed(minus, operand.value(run, scope));
    }
  }

  record Arithmetic(String operator, Expression left, Expression right, int at)
      implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object a = left.value(run, scope);
      return Operators.apply(run, operator, a, right.value(run, scope));
    }
  }

  /** A chain such as {@code a < b <= c}. */
  record Comparison(Expression first, List<String> operators, List<Expression> others, int at)
      implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object left = first.value(run, scope);
      for (int i = 0; i < operators.size(); i++) {
        Object right = others.get(i).value(run, scope);
        if (!Operators.compare(run, operators.get(i), left, right)) {
          return false;
        }
        left = right;
      }
      return true;
    }
  }

  /** {@code or} where the first part decides if it is true, {@code and} if it is false. */
  record Logic(boolean decides, Expression left, Expression right, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object value = left.value(run, scope);
      return Values.isTrue(value) == decides ? value : right.value(run, scope);
    }
  }

  record Conditional(Expression test, Expression then, Expression otherwise, int at)
      implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      if (Values.isTrue(test.value(run, scope))) {
        return then.value(run, scope);
      }
      return otherwise == null
          ? new Undefined("the inline if-expression is false and has no else")
          : otherwise.value(run, scope);
    }
  }

  /** What statements write. */
  record Captured(List<Statement> body, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return run.capture(new Scope(scope), body);
    }
  }

  /**
   * What a template says of a macro, or of a {@code call} block.
   *
   * @param defaults of the last parameters
   * @param names that its body mentions, which says whether it takes any number of arguments
   */
  record Function(
      String name,
      List<String> parameters,
      List<Expression> defaults,
      List<Statement> body,
      java.util.Set<String> names,
      int at)
      implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return new Macro(this, scope);
    }
  }
}
