package io.calidrop.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A part of a template that has a value. */
sealed interface Expression {
  /** Offset into the source. */
  int at();

  /** The value, without the bounds. */
  Object compute(Run run, Scope scope);

  /** The value; an error says where. */
  default Object value(Run run, Scope scope) {
    try {
      run.enter();
      Object value = compute(run, scope);
      run.leave();
      return value;
    } catch (TemplateException e) {
      e.at(at());
      throw e;
    }
  }

  static List<Object> all(Run run, Scope scope, List<Expression> expressions) {
    List<Object> values = new ArrayList<>(expressions.size());
    for (Expression expression : expressions) {
      values.add(expression.value(run, scope));
    }
    return values;
  }

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

  record DictOf(List<Expression> keys, List<Expression> values, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Map<Object, Object> entries = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        Object key = Dict.key(keys.get(i).value(run, scope));
        entries.put(key, values.get(i).value(run, scope));
      }
      return Dict.of(run, entries);
    }
  }

  record Attribute(Expression object, String name, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      return Access.attribute(run, object.value(run, scope), name);
    }
  }

  record Item(Expression object, Expression key, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object value = object.value(run, scope);
      return Access.item(run, value, key.value(run, scope));
    }
  }

  /** Bounds that are not written are null. */
  record Slice(Expression object, Expression start, Expression stop, Expression step, int at)
      implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object value = object.value(run, scope);
      return Access.slice(
          run, value, bound(start, run, scope), bound(stop, run, scope), bound(step, run, scope));
    }

    private static Object bound(Expression bound, Run run, Scope scope) {
      return bound == null ? null : bound.value(run, scope);
    }
  }

  /** Arguments as written; the two that unpack a value may be null. */
  record ArgumentList(
      List<Expression> positional,
      List<String> names,
      List<Expression> named,
      Expression star,
      Expression doubleStar) {
    Arguments value(Run run, Scope scope) {
      if (positional.isEmpty() && named.isEmpty() && star == null && doubleStar == null) {
        return Arguments.NONE;
      }
      List<Object> values = all(run, scope, positional);
      if (star != null) {
        values.addAll(Values.iterate(run, star.value(run, scope)));
      }
      Map<String, Object> byName = new LinkedHashMap<>();
      for (int i = 0; i < names.size(); i++) {
        byName.put(names.get(i), named.get(i).value(run, scope));
      }
      if (doubleStar != null) {
        if (!(doubleStar.value(run, scope) instanceof Dict dict)) {
          throw new TemplateException("what follows ** must be a mapping");
        }
        for (Map.Entry<Object, Object> entry : dict.entries().entrySet()) {
          String name = Printer.string(run, entry.getKey());
          if (byName.put(name, entry.getValue()) != null || names.contains(name)) {
            throw new TemplateException("two values for the argument '" + name + "'");
          }
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
      return call(run, callee, arguments.value(run, scope));
    }

    static Object call(Run run, Object callee, Arguments arguments) {
      if (callee instanceof Callable callable) {
        return callable.call(run, arguments);
      }
      if (callee instanceof Undefined undefined) {
        throw undefined.error();
      }
      throw new TemplateException("'" + Values.type(callee) + "' object is not callable");
    }
  }

  record Filter(Expression object, FilterCall filter) implements Expression {
    @Override
    public int at() {
      return filter.at();
    }

    @Override
    public Object compute(Run run, Scope scope) {
      return filter.apply(run, scope, object.value(run, scope));
    }
  }

  /** A filter with its arguments, before it has a value. */
  record FilterCall(String name, ArgumentList arguments, int at) {
    Object apply(Run run, Scope scope, Object value) {
      try {
        return Filters.apply(run, name, value, arguments.value(run, scope));
      } catch (TemplateException e) {
        e.at(at);
        throw e;
      }
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
      Object value = operand.value(run, scope);
      if (!Numbers.isNumber(value)) {
        throw Values.unsupported(value, "no sign can stand before ", "");
      }
      return minus
          ? Numbers.negate(value)
          : value instanceof Double ? value : (Object) Numbers.whole(value);
    }
  }

  record Arithmetic(String operator, Expression left, Expression right, int at)
      implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object a = left.value(run, scope);
      return Operators.arithmetic(run, operator, a, right.value(run, scope));
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

  record And(Expression left, Expression right, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object value = left.value(run, scope);
      return Values.isTrue(value) ? right.value(run, scope) : value;
    }
  }

  record Or(Expression left, Expression right, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      Object value = left.value(run, scope);
      return Values.isTrue(value) ? value : right.value(run, scope);
    }
  }

  /** Without an {@code else}, which is null then, nothing. */
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

  record Concatenation(List<Expression> parts, int at) implements Expression {
    @Override
    public Object compute(Run run, Scope scope) {
      StringBuilder text = new StringBuilder();
      for (Expression part : parts) {
        text.append(run.made(Printer.string(run, part.value(run, scope))));
      }
      return text.toString();
    }
  }
}
