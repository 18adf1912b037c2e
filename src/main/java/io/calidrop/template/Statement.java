package io.calidrop.template;

import java.util.ArrayList;
import java.util.List;

/** A part of a template that writes or does something. */
sealed interface Statement {
  /** What comes after a statement. */
  enum Flow {
    NEXT,
    BREAK,
    CONTINUE
  }

  /** Offset into the source. */
  int at();

  /** Does it, without the bounds. */
  Flow execute(Run run, Scope scope);

  /** Does statements in their order, until one leaves a loop; an error says where. */
  static Flow all(Run run, Scope scope, List<Statement> statements) {
    for (Statement statement : statements) {
      Flow flow;
      try {
        run.enter();
        flow = statement.execute(run, scope);
        run.leave();
      } catch (TemplateException e) {
        e.at(statement.at());
        throw e;
      }
      if (flow != Flow.NEXT) {
        return flow;
      }
    }
    return Flow.NEXT;
  }

  record Data(String text, int at) implements Statement {
    @Override
    public Flow execute(Run run, Scope scope) {
      run.write(text);
      return Flow.NEXT;
    }
  }

  record Output(Expression expression, int at) implements Statement {
    @Override
    public Flow execute(Run run, Scope scope) {
      run.write(Printer.string(run, expression.value(run, scope)));
      return Flow.NEXT;
    }
  }

  /** What a value can be given to. */
  sealed interface Target {
    void set(Run run, Scope scope, Object value);
  }

  record NameTarget(String name) implements Target {
    @Override
    public void set(Run run, Scope scope, Object value) {
      scope.set(name, value);
    }
  }

  record NamespaceTarget(String namespace, String name) implements Target {
    @Override
    public void set(Run run, Scope scope, Object value) {
      if (!(scope.get(namespace) instanceof Namespace object)) {
        throw new TemplateException("cannot assign attribute on non-namespace object");
      }
      object.set(name, value);
    }
  }

  record TupleTarget(List<Target> targets) implements Target {
    @Override
    public void set(Run run, Scope scope, Object value) {
      List<Object> values = Values.iterate(run, value);
      if (values.size() != targets.size()) {
        throw new TemplateException(
            "cannot unpack " + values.size() + " values into " + targets.size() + " names");
      }
      for (int i = 0; i < values.size(); i++) {
        targets.get(i).set(run, scope, values.get(i));
      }
    }
  }

  record Assignment(Target target, Expression expression, int at) implements Statement {
    @Override
    public Flow execute(Run run, Scope scope) {
      target.set(run, scope, expression.value(run, scope));
      return Flow.NEXT;
    }
  }

  /** Text that goes through filters, and then into a variable or, where that is null, out. */
  record Captured(Target target, List<Expression.FilterCall> filters, List<Statement> body, int at)
      implements Statement {
    @Override
    public Flow execute(Run run, Scope scope) {
      StringBuilder before = run.capture();
      Scope inner = new Scope(scope);
      Flow flow = all(run, inner, body);
      Object value = run.captured(before);
      for (Expression.FilterCall filter : filters) {
        value = filter.apply(run, inner, value);
      }
      if (flow != Flow.NEXT) {
        return flow;
      }
      if (target == null) {
        run.write(Printer.string(run, value));
      } else {
        target.set(run, scope, value);
      }
      return Flow.NEXT;
    }
  }

  /** Branches with as many conditions, or one less: then the last is the {@code else}. */
  record If(List<Expression> conditions, List<List<Statement>> branches, int at)
      implements Statement {
    @Override
    public Flow execute(Run run, Scope scope) {
      for (int i = 0; i < branches.size(); i++) {
        if (i == conditions.size() || Values.isTrue(conditions.get(i).value(run, scope))) {
          return all(run, scope, branches.get(i));
        }
      }
      return Flow.NEXT;
    }
  }

  /** The condition may be null; {@code otherwise} is for a loop over nothing. */
  record For(
      Target target,
      Expression iterable,
      Expression condition,
      List<Statement> body,
      List<Statement> otherwise,
      int at)
      implements Statement {
    @Override
    public Flow execute(Run run, Scope scope) {
      List<Object> values = Values.iterate(run, iterable.value(run, scope));
      if (condition != null) {
        values = chosen(run, scope, values);
      }
      if (values.isEmpty()) {
        return all(run, new Scope(scope), otherwise);
      }
      Loop loop = new Loop(values);
      while (loop.hasNext()) {
        run.spend(1);
        Scope inner = new Scope(scope);
        target.set(run, inner, loop.next());
        inner.set("loop", loop);
        if (all(run, inner, body) == Flow.BREAK) {
          break;
        }
      }
      return Flow.NEXT;
    }

    private List<Object> chosen(Run run, Scope scope, List<Object> values) {
      List<Object> chosen = new ArrayList<>();
      for (Object value : values) {
        Scope inner = new Scope(scope);
        target.set(run, inner, value);
        if (Values.isTrue(condition.value(run, inner))) {
          chosen.add(value);
        }
      }
      return chosen;
    }
  }

  record MacroDefinition(Macro.Definition definition, int at) implements Statement {
    @Override
    public Flow execute(Run run, Scope scope) {
      scope.set(definition.name(), new Macro(definition, scope));
      return Flow.NEXT;
    }
  }

  /** A call whose function has the block as its {@code caller}. */
  record CallBlock(
      Expression function, Expression.ArgumentList arguments, Macro.Definition caller, int at)
      implements Statement {
    @Override
    public Flow execute(Run run, Scope scope) {
      Object callee = function.value(run, scope);
      Arguments given = arguments.value(run, scope);
      var named = new java.util.LinkedHashMap<>(given.named());
      named.put("caller", new Macro(caller, scope));
      Object value = Expression.Call.call(run, callee, new Arguments(given.positional(), named));
      run.write(Printer.string(run, value));
      return Flow.NEXT;
    }
  }

  /** A block with names of its own: {@code with}, and Hugging Face's {@code generation}. */
  record Inner(List<Target> targets, List<Expression> values, List<Statement> body, int at)
      implements Statement {
    @Override
    public Flow execute(Run run, Scope scope) {
      Scope inner = new Scope(scope);
      for (int i = 0; i < targets.size(); i++) {
        targets.get(i).set(run, inner, values.get(i).value(run, scope));
      }
      return all(run, inner, body);
    }
  }

  /** {@code break} or {@code continue}. */
  record Leave(Flow flow, int at) implements Statement {
    @Override
    public Flow execute(Run run, Scope scope) {
      return flow;
    }
  }
}
