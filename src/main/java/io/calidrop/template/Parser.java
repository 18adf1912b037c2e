package io.calidrop.template;

import io.calidrop.template.Node.ArgumentList;
import io.calidrop.template.Node.Target;
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

  List<Node> template() {
    return body(null);
  }

  /** Statements up to one of the tags, whose name is then the current token. */
  private List<Node> body(Token opener, String... ends) {
    List<Node> statements = new ArrayList<>();
    enter();
    while (true) {
      Token token = take();
      switch (token.kind()) {
        case DATA ->
            statements.add(
                Node.at(
                    token.at(),
                    (run, scope) -> {
                      run.write(token.text());
                      return null;
                    }));
        case OUTPUT_BEGIN -> {
          statements.add(Node.at(token.at(), Node.output(tuple(true))));
          expect(Kind.OUTPUT_END, "}}");
        }
        case BLOCK_BEGIN -> {
          if (List.of(ends).contains(current().text())) {
            leave();
            return statements;
          }
          Token name = name();
          statements.add(Node.at(name.at(), statement(name)));
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

  /** A body up to its own end, which is taken; a loop can be left from few of them. */
  private List<Node> block(Token name) {
    end();
    boolean outer = inLoop;
    inLoop &= name.text().equals("with");
    List<Node> body = body(name, "end" + name.text());
    inLoop = outer;
    take();
    end();
    return body;
  }

  private Node statement(Token name) {
    return switch (name.text()) {
      case "set" -> set(name);
      case "if" -> conditional(name);
      case "for" -> loop(name);
      case "macro" -> {
        String called = name().text();
        Node macro = macro(called, parameters(), name);
        yield Node.assignment((run, scope, value) -> scope.set(called, value), macro);
      }
      case "call" -> {
        Map<String, Node> parameters = is("(") ? parameters() : Map.of();
        Node function = primary();
        ArgumentList given = arguments();
        given.named().put("caller", macro("caller", parameters, name));
        yield Node.output(Node.call(function, given));
      }
      case "filter" -> {
        // The filters stand before the body that they apply to.
        List<Node> body = new ArrayList<>();
        Node filtered = filters(filter((run, scope) -> run.capture(new Scope(scope), body)));
        body.addAll(block(name));
        yield Node.output(filtered);
      }
      case "with" -> with(name);
      case "generation" -> Node.inner(List.of(), List.of(), block(name));
      case "break", "continue" -> {
        if (!inLoop) {
          throw new TemplateException("'" + name.text() + "' outside of a loop", name.at());
        }
        end();
        yield (run, scope) -> name.text().equals("break") ? Node.BREAK : Node.CONTINUE;
      }
      case "include", "import", "from", "extends", "block" ->
          throw new TemplateException(
              "'" + name.text() + "' is not supported: a chat template is one file", name.at());
      default -> throw new TemplateException("unknown tag '" + name.text() + "'", name.at());
    };
  }

  private Node set(Token name) {
    Target target = target(true);
    if (skip("=")) {
      Node value = tuple(true);
      end();
      return Node.assignment(target, value);
    }
    List<Node> body = new ArrayList<>();
    Node filtered = filters((run, scope) -> run.capture(new Scope(scope), body));
    body.addAll(block(name));
    return Node.assignment(target, filtered);
  }

  /** What values can be given to: names, with commas and parentheses. */
  private Target target(boolean inNamespace) {
    List<Target> targets = new ArrayList<>();
    boolean many = false;
    do {
      if (many && (isName("in") || is("="))) {
        break;
      }
      targets.add(oneTarget(inNamespace));
      many |= is(",");
    } while (skip(","));
    return many ? Node.tuple(targets) : targets.getFirst();
  }

  private Target oneTarget(boolean inNamespace) {
    if (skip("(")) {
      enter();
      Target inner = target(inNamespace);
      leave();
      expect(")");
      return inner;
    }
    Token token = name();
    String name = token.text();
    if (CONSTANTS.contains(name)) {
      throw new TemplateException("cannot assign to '" + name + "'", token.at());
    }
    return inNamespace && skip(".")
        ? Node.attribute(name, name().text())
        : (run, scope, value) -> scope.set(name, value);
  }

  private Node conditional(Token name) {
    List<Node> conditions = new ArrayList<>();
    List<List<Node>> branches = new ArrayList<>();
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
    return Node.branches(conditions, branches);
  }

  private Node loop(Token name) {
    Target target = target(false);
    expect(Kind.NAME, "in");
    Node iterable = tuple(false);
    Node condition = skipName("if") ? expression() : null;
    end();
    boolean outer = inLoop;
    inLoop = true;
    List<Node> body = body(name, "else", "endfor");
    inLoop = outer;
    List<Node> otherwise = List.of();
    if (take().text().equals("else")) {
      end();
      otherwise = body(name, "endfor");
      take();
    }
    end();
    return Node.loop(target, iterable, condition, body, otherwise);
  }

  /** Parameters with their defaults. */
  private Map<String, Node> parameters() {
    Map<String, Node> parameters = new LinkedHashMap<>();
    boolean optional = false;
    expect("(");
    while (more(")", parameters.isEmpty())) {
      Token parameter = name();
      boolean hasDefault = skip("=");
      if (optional && !hasDefault) {
        throw new TemplateException(
            "a parameter without a default follows one with it", parameter.at());
      }
      optional = hasDefault;
      Undefined absent = new Undefined("parameter '" + parameter.text() + "' was not provided");
      parameters.put(parameter.text(), hasDefault ? expression() : (run, scope) -> absent);
    }
    return parameters;
  }

  /** A macro with the body that follows. */
  private Node macro(String called, Map<String, Node> parameters, Token tag) {
    Set<String> outer = names;
    Set<String> inside = new HashSet<>();
    names = inside;
    List<Node> body = block(tag);
    outer.addAll(inside);
    names = outer;
    return Node.macro(called, parameters, body, inside);
  }

  private Node with(Token name) {
    List<Target> targets = new ArrayList<>();
    List<Node> values = new ArrayList<>();
    while (current().kind() != Kind.BLOCK_END) {
      if (!targets.isEmpty()) {
        expect(",");
      }
      targets.add(oneTarget(false));
      expect("=");
      values.add(expression());
    }
    return Node.inner(targets, values, block(name));
  }
}
