package io.calidrop.template;

import java.util.ArrayList;
import java.util.List;

/** A part of a template that writes or does something. */
sealed interface Statement extends Node {
  record Data(String text, int at) implements Statement {
    @Override
    public Object compute(Run run, Scope scope) {
      run.write(text);
      return null;
    }
  }

  record Output(Expression expression, int at) implements Statement {
    @Override
    public Object compute(Run run, Scope scope) {
      run.write(Printer.string(run, expression.value(run, scope)));
      return null;
    }
  }

  /** The target is a name, an attribute of a namespace, or a tuple of targets. */
  record Assignment(Expression target, Expression expression, int at) implements Statement {
    @Override
    public Object compute(Run run, Scope scope) {
      assign(run, scope, target, expression.value(run, scope));
      return null;
    }
  }

  private static void assign(Run run, Scope scope, Expression target, Object value) {
    if (target instanceof Expression.Name name) {
      scope.set(name.name(), value);
    } else if (target instanceof Expression.Attribute attribute) {
      if (!(attribute.object().value(run, scope) instanceof Namespace namespace)) {
        throw new TemplateException("cannot assign attribute on non-namespace object");
      }
      namespace.attributes().put(attribute.name(), value);
    } else {
      List<Expression> targets = ((Expression.ListOf) target).elements();
      List<Object> values = Values.iterate(run, value);
      if (values.size() != targets.size()) {
        throw new TemplateException(
            "cannot unpack " + values.size() + " values into " + targets.size() + " names");
      }
      for (int i = 0; i < values.size(); i++) {
        assign(run, scope, targets.get(i), values.get(i));
      }
    }
  }

  /** Branches with as many conditions, or one less: then the last is the {@code else}. */
  record If(List<Expression> conditions, List<List<Statement>> branches, int at)
      implements Statement {
    @Override
    public Object compute(Run run, Scope scope) {
      for (int i = 0; i < branches.size(); i++) {
        if (i == conditions.size() || Values.isTrue(conditions.get(i).value(run, scope))) {
          return Node.all(run, scope, branches.get(i));
        }
      }
      return null;
    }
  }

  /** The condition may be null; {@code otherwise} is for a loop over nothing. */
  record For(
      Expression target,
      Expression iterable,
      Expression condition,
      List<Statement> body,
      List<Statement> otherwise,
      int at)
      implements Statement {
    @Override
    public Object compute(Run run, Scope scope) {
      List<Object> values = Values.iterate(run, iterable.value(run, scope));
      if (condition != null) {
        values = chosen(run, scope, values);
      }
      if (values.isEmpty()) {
        return Node.all(run, new Scope(scope), otherwise);
      }
      Loop loop = new Loop(values);
      while (loop.hasNext()) {
        run.spend(1);
        Scope inner = new Scope(scope);
        assign(run, inner, target, loop.next());
        inner.set("loop", loop);
        if (Node.all(run, inner, body) instanceof Leave leave && leave.loop()) {
          break;
        }
      }
      return null;
    }

    private List<Object> chosen(Run run, Scope scope, List<Object> values) {
      List<Object> chosen = new ArrayList<>();
      for (Object value : values) {
        Scope inner = new Scope(scope);
        assign(run, inner, target, value);
        if (Values.isTrue(condition.value(run, inner))) {
          chosen.add(value);
        }
      }
      return chosen;
    }
  }

  /** A block with names of its own: {@code with}, and Hugging Face's {@code generation}. */
  record Inner(List<Expression> targets, List<Expression> values, List<Statement> body, int at)
      implements Statement {
    @Override
    public Object compute(Run run, Scope scope) {
      Scope inner = new Scope(scope);
      for (int i = 0; i < targets.size(); i++) {
        assign(run, inner, targets.get(i), values.get(i).value(run, scope));
      }
      return Node.all(run, inner, body);
    }
  }

  /** {@code break}, which leaves the loop, or {@code continue}. */
  record Leave(boolean loop, int at) implements Statement {
    @Override
    public Object compute(Run run, Scope scope) {
      return this;
    }
  }
}
