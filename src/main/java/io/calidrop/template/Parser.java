package io.calidrop.template;

import io.calidrop.template.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads statements. */
final class Parser extends ExpressionParser {
  private boolean inLoop;

  Parser(List<Token> tokens) {
    super(tokens);
  }

  List<Statement> template() {
    return body(null);
  }

  /** Statements up to one of the tags, whose name is then the current token. */
  private List<Statement> body(Token opener, String... ends) {
    List<Statement> statements = new ArrayList<>();
    enter();
    while (true) {
      Token token = take();
      switch (token.kind()) {
        case DATA -> statements.add(new Statement.Data(token.text(), token.at()));
        case OUTPUT_BEGIN -> {
          statements.add(new Statement.Output(tuple(true), token.at()));
          expect(Kind.OUTPUT_END, "}}");
        }
        case BLOCK_BEGIN -> {
          if (List.of(ends).contains(current().text())) {
            leave();
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
    expect(Kind.BLOCK_END, "%}");
  }

  /** A body up to its own end, which is taken. */
  private List<Statement> block(Token name, boolean isLoop) {
    end();
    boolean outer = inLoop;
    inLoop = isLoop;
    List<Statement> body = body(name, "end" + name.text());
    inLoop = outer;
    take();
    end();
    return body;
  }

  private Statement statement() {
    Token name = name();
    int at = name.at();
    return switch (name.text()) {
      case "set" -> set(name);
      case "if" -> conditional(name);
      case "for" -> loop(name);
      case "macro" -> {
        Token called = name();
        List<String> parameters = new ArrayList<>();
        Set<String> outer = names;
        names = new HashSet<>();
        List<Expression> defaults = parameters(parameters);
        Expression function = function(called.text(), parameters, defaults, name, outer);
        yield new Statement.Assignment(new Expression.Name(called.text(), at), function, at);
      }
      case "call" -> call(name);
      case "filter" -> {
        // The filters stand before the body that they apply to.
        List<Statement> body = new ArrayList<>();
        Expression filtered = filters(filter(new Expression.Captured(body, at)));
        body.addAll(block(name, false));
        yield new Statement.Output(filtered, at);
      }
      case "with" -> with(name);
      case "generation" -> new Statement.Inner(List.of(), List.of(), block(name, false), name.at());
      case "break", "continue" -> {
        if (!inLoop) {
          throw new TemplateException("'" + name.text() + "' outside of a loop", at);
        }
        end();
        yield new Statement.Leave(name.text().equals("break"), at);
      }
      case "include", "import", "from", "extends", "block" ->
          throw new TemplateException(
              "'" + name.text() + "' is not supported: a chat template is one file", at);
      default -> throw new TemplateException("unknown tag '" + name.text() + "'", at);
    };
  }

  private Statement set(Token name) {
    Expression target = target(true);
    if (skip("=")) {
      Expression value = tuple(true);
      end();
      return new Statement.Assignment(target, value, name.at());
    }
    List<Statement> body = new ArrayList<>();
    Expression filtered = filters(new Expression.Captured(body, name.at()));
    body.addAll(block(name, false));
    return new Statement.Assignment(target, filtered, name.at());
  }

  /** What values can be given to: names, with commas and parentheses. */
  private Expression target(boolean inNamespace) {
    int at = current().at();
    List<Expression> targets = new ArrayList<>();
    boolean many = false;
    do {
      if (many && (isName("in") || is("="))) {
        break;
      }
      targets.add(oneTarget(inNamespace));
      many |= is(",");
    } while (skip(","));
    return many ? new Expression.ListOf(Items.Kind.TUPLE, targets, at) : targets.getFirst();
  }

  private Expression oneTarget(boolean inNamespace) {
    if (skip("(")) {
      enter();
      Expression inner = target(inNamespace);
      leave();
      expect(")");
      return inner;
    }
    Token name = name();
    Expression target = constantOrName(name);
    if (!(target instanceof Expression.Name)) {
      throw new TemplateException("cannot assign to '" + name.text() + "'", name.at());
    }
    return inNamespace && skip(".")
        ? new Expression.Attribute(target, name().text(), name.at())
        : target;
  }

  private Statement conditional(Token name) {
    List<Expression> conditions = new ArrayList<>();
    List<List<Statement>> branches = new ArrayList<>();
    String tag = "elif";
    while (!tag.equals("endif")) {
      if (tag.equals("elif")) {
        conditions.add(tuple(false));
      }
      end();
      branches.add(tag.equals("else") ? body(name, "endif") : body(name, "elif", "else", "endif"));
      tag = take().text();
    }
    end();
    return new Statement.If(conditions, branches, name.at());
  }

  private Statement loop(Token name) {
    Expression target = target(false);
    expect(Kind.NAME, "in");
    Expression iterable = tuple(false);
    Expression condition = skipName("if") ? expression() : null;
    end();
    boolean outer = inLoop;
    inLoop = true;
    List<Statement> body = body(name, "else", "endfor");
    inLoop = outer;
    List<Statement> otherwise = List.of();
    if (take().text().equals("else")) {
      end();
      otherwise = body(name, "endfor");
      take();
    }
    end();
    return new Statement.For(target, iterable, condition, body, otherwise, name.at());
  }

  private List<Expression> parameters(List<String> parameters) {
    List<Expression> defaults = new ArrayList<>();
    expect("(");
    while (more(")", parameters.isEmpty())) {
      Token parameter = name();
      parameters.add(parameter.text());
      if (skip("=")) {
        defaults.add(expression());
      } else if (!defaults.isEmpty()) {
        throw new TemplateException(
            "a parameter without a default follows one with it", parameter.at());
      }
    }
    return defaults;
  }

  /** A function with the body that follows; {@code outer} takes over the names in it. */
  private Expression.Function function(
      String called,
      List<String> parameters,
      List<Expression> defaults,
      Token tag,
      Set<String> outer) {
    List<Statement> body = block(tag, false);
    Set<String> inside = names;
    outer.addAll(inside);
    names = outer;
    return new Expression.Function(called, parameters, defaults, body, inside, tag.at());
  }

  /** A call with one argument more, the {@code caller}. */
  private Statement call(Token name) {
    Set<String> outer = names;
    names = new HashSet<>();
    List<String> parameters = new ArrayList<>();
    List<Expression> defaults = is("(") ? parameters(parameters) : List.of();
    Token start = current();
    if (!(expression() instanceof Expression.Call call)) {
      throw new TemplateException("'call' wants a call", start.at());
    }
    Expression caller = function("caller", parameters, defaults, name, outer);
    Expression.ArgumentList given = call.arguments();
    Map<String, Expression> named = new LinkedHashMap<>(given.named());
    named.put("caller", caller);
    Expression called =
        new Expression.Call(
            call.function(),
            new Expression.ArgumentList(
                given.positional(), named, given.star(), given.doubleStar()),
            call.at());
    return new Statement.Output(called, name.at());
  }

  private Statement with(Token name) {
    List<Expression> targets = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (current().kind() != Kind.BLOCK_END) {
      if (!targets.isEmpty()) {
        expect(",");
      }
      targets.add(oneTarget(false));
      expect("=");
      values.add(expression());
    }
    return new Statement.Inner(targets, values, block(name, false), name.at());
  }
}
