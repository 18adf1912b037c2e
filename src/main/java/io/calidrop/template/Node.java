package io.calidrop.template;

import java.util.List;

/** A part of a template: an expression, or a statement. */
interface Node {
  /** Offset into the source. */
  int at();

  /** What it is worth, without the bounds; a statement's is null or the {@link Statement.Leave}. */
  Object compute(Run run, Scope scope);

  /** What it is worth; an error says where. */
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

  /** Does statements in their order, until one leaves a loop, which is the result. */
  static Object all(Run run, Scope scope, List<Statement> statements) {
    for (Statement statement : statements) {
      Object left = statement.value(run, scope);
      if (left != null) {
        return left;
      }
    }
    return null;
  }
}
