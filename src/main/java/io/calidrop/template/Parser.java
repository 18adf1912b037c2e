package io.calidrop.template;

import io.calidrop.template.Expression.FilterCall;
import io.calidrop.template.Statement.Flow;
import io.calidrop.template.Statement.NameTarget;
import io.calidrop.template.Statement.NamespaceTarget;
import io.calidrop.template.Statement.Target;
import io.calidrop.template.Statement.TupleTarget;
import io.calidrop.template.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Reads statements. */
final class Parser {
  private final Tokens tokens;
  private final ExpressionParser expressions;
  private boolean inLoop;

  Parser(List<Token> list) {
    tokens = new Tokens(list);
    expressions = new ExpressionParser(tokens);
  }

  List<Statement> template() {
    return body(List.of(), null);
  }

  /** Statements up to one of the tags, whose name is then the current token. */
  private List<Statement> body(List<String> ends, Token opener) {
    List<Statement> statements = new ArrayList<>();
    tokens.enter();
    while (true) {
      Token token = tokens.take();
      switch (token.kind()) {
        case DATA -> statements.add(new Statement.Data(token.text(), token.at()));
        case OUTPUT_BEGIN -> {
          Expression expression = expressions.tuple(true, false);
          tokens.expect(Kind.OUTPUT_END, "}}");
          statements.add(new Statement.Output(expression, token.at()));
        }
        case BLOCK_BEGIN -> {
          Token name = tokens.current();
          if (name.kind() == Kind.NAME && ends.contains(name.text())) {
            tokens.leave();
            return statements;
          }
          statements.add(statement());
        }
        default -> {
          if (opener == null) {
            return statements;
          }
          throw new TemplateException("'" + opener.text() + "' has no end", opener.at());
        }
      }
    }
  }

  private void end() {
    tokens.expect(Kind.BLOCK_END, "%}");
  }

  /** A body up to its own end, which is taken. */
  private List<Statement> block(Token name) {
    end();
    List<Statement> body = body(List.of("end" + name.text()), name);
    tokens.take();
    end();
    return body;
  }

  private Statement statement() {
    Token name = tokens.name();
    return switch (name.text()) {
      case "set" -> set(name);
      case "if" -> conditional(name);
      case "for" -> loop(name);
      case "macro" -> macro(name);
      case "call" -> call(name);
      case "filter" -> {
        List<FilterCall> filters = new ArrayList<>();
        filters.add(expressions.filter());
        filters.addAll(expressions.filters());
        yield new Statement.Captured(null, filters, block(name), name.at());
      }
      case "with" -> with(name);
      case "generation" -> {
        boolean outer = inLoop;
        inLoop = false;
        List<Statement> body = block(name);
        inLoop = outer;
        yield new Statement.Inner(List.of(), List.of(), body, name.at());
      }
      case "print" -> {
        List<Expression> parts = new ArrayList<>();
        do {
          parts.add(expressions.expression(true));
        } while (tokens.skip(","));
        end();
        yield new Statement.Output(new Expression.Concatenation(parts, name.at()), name.at());
      }
      case "break", "continue" -> {
        if (!inLoop) {
          throw new TemplateException("'" + name.text() + "' outside of a loop", name.at());
        }
        end();
        yield new Statement.Leave(
            name.text().equals("break") ? Flow.BREAK : Flow.CONTINUE, name.at());
      }
      case "include", "import", "from", "extends", "block" ->
          throw new TemplateException(
              "'" + name.text() + "' is not supported: a chat template is one file", name.at());
      default -> throw new TemplateException("unknown tag '" + name.text() + "'", name.at());
    };
  }

  private Statement set(Token name) {
    Target target = target(true, false);
    if (tokens.skip("=")) {
      Expression value = expressions.tuple(true, false);
      end();
      return new Statement.Assignment(target, value, name.at());
    }
    List<FilterCall> filters = expressions.filters();
    return new Statement.Captured(target, filters, block(name), name.at());
  }

  private Target target(boolean inNamespace, boolean beforeIn) {
    List<Target> targets = new ArrayList<>();
    boolean many = false;
    do {
      if (beforeIn && tokens.isName("in") || tokens.is("=")) {
        break;
      }
      targets.add(oneTarget(inNamespace));
      many |= tokens.is(",");
    } while (tokens.skip(","));
    if (targets.isEmpty()) {
      throw tokens.unexpected();
    }
    return many ? new TupleTarget(targets) : targets.getFirst();
  }

  private Target oneTarget(boolean inNamespace) {
    if (tokens.skip("(")) {
      tokens.enter();
      Target inner = target(inNamespace, false);
      tokens.leave();
      tokens.expect(Kind.OPERATOR, ")");
      return inner;
    }
    Token name = tokens.name();
    if (inNamespace && tokens.skip(".")) {
      return new NamespaceTarget(name.text(), tokens.name().text());
    }
    if (ExpressionParser.isConstant(name.text())) {
      throw new TemplateException("cannot assign to '" + name.text() + "'", name.at());
    }
    return new NameTarget(name.text());
  }

  private Statement conditional(Token name) {
    List<Expression> conditions = new ArrayList<>();
    List<List<Statement>> branches = new ArrayList<>();
    conditions.add(expressions.tuple(false, false));
    while (true) {
      end();
      boolean last = branches.size() == conditions.size();
      branches.add(body(last ? List.of("endif") : List.of("elif", "else", "endif"), name));
      String tag = tokens.take().text();
      if (tag.equals("endif")) {
        end();
        return new Statement.If(conditions, branches, name.at());
      }
      if (tag.equals("elif")) {
        conditions.add(expressions.tuple(false, false));
      }
    }
  }

  private Statement loop(Token name) {
    Target target = target(false, true);
    tokens.expect(Kind.NAME, "in");
    Expression iterable = expressions.tuple(false, false);
    Expression condition = tokens.skipName("if") ? expressions.expression(true) : null;
    if (tokens.isName("recursive")) {
      throw new TemplateException("recursive loops are not supported", tokens.current().at());
    }
    end();
    boolean outer = inLoop;
    inLoop = true;
    List<Statement> body = body(List.of("else", "endfor"), name);
    inLoop = outer;
    List<Statement> otherwise = List.of();
    if (tokens.take().text().equals("else")) {
      end();
      otherwise = body(List.of("endfor"), name);
      tokens.take();
    }
    end();
    return new Statement.For(target, iterable, condition, body, otherwise, name.at());
  }

  private Statement macro(Token name) {
    String called = tokens.name().text();
    return new Statement.MacroDefinition(function(called, name, null), name.at());
  }

  private Statement call(Token name) {
    List<Expression.Call> call = new ArrayList<>(1);
    Macro.Definition caller = function("caller", name, call);
    Expression.Call called = call.getFirst();
    return new Statement.CallBlock(called.function(), called.arguments(), caller, name.at());
  }

  /**
   * A function's parameters, where there are any, and its body.
   *
   * @param call takes what a call block calls, which stands between the two; or null
   */
  private Macro.Definition function(String called, Token tag, List<Expression.Call> call) {
    Set<String> outerNames = expressions.names();
    expressions.names(new HashSet<>());
    List<String> parameters = new ArrayList<>();
    List<Expression> defaults = new ArrayList<>();
    if (call == null || tokens.is("(")) {
      parameters(parameters, defaults);
    }
    if (call != null) {
      Token start = tokens.current();
      if (!(expressions.expression(true) instanceof Expression.Call callee)) {
        throw new TemplateException("'call' wants a call", start.at());
      }
      call.add(callee);
    }
    boolean outer = inLoop;
    inLoop = false;
    List<Statement> body = block(tag);
    inLoop = outer;
    Set<String> names = expressions.names();
    outerNames.addAll(names);
    expressions.names(outerNames);
    return new Macro.Definition(called, parameters, defaults, body, names);
  }

  private void parameters(List<String> parameters, List<Expression> defaults) {
    tokens.expect(Kind.OPERATOR, "(");
    while (!tokens.skip(")")) {
      if (!parameters.isEmpty()) {
        tokens.expect(Kind.OPERATOR, ",");
      }
      Token parameter = tokens.name();
      parameters.add(parameter.text());
      if (tokens.skip("=")) {
        defaults.add(expressions.expression(true));
      } else if (!defaults.isEmpty()) {
        throw new TemplateException(
            "a parameter without a default follows one with it", parameter.at());
      }
    }
  }

  private Statement with(Token name) {
    List<Target> targets = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (tokens.current().kind() != Kind.BLOCK_END) {
      if (!targets.isEmpty()) {
        tokens.expect(Kind.OPERATOR, ",");
      }
      targets.add(oneTarget(false));
      tokens.expect(Kind.OPERATOR, "=");
      values.add(expressions.expression(true));
    }
    return new Statement.Inner(targets, values, block(name), name.at());
  }
}
