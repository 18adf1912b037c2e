package io.calidrop.template;

import io.calidrop.template.Node.ArgumentList;
import io.calidrop.template.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads expressions; binding powers are Jinja's, not quite Python's. */
abstract class ExpressionParser extends Tokens {
  private static final ArgumentList NO_ARGUMENTS = new ArgumentList(List.of(), Map.of());

  /** Operators of two operands, those that bind least first. */
  private static final List<Set<String>> LEVELS =
      List.of(Set.of("+", "-"), Set.of("~"), Set.of("*", "/", "//", "%"), Set.of("**"));

  private static final Set<String> COMPARATORS = Set.of("==", "!=", "<", "<=", ">", ">=");

  static final Set<String> CONSTANTS = Set.of("true", "True", "false", "False", "none", "None");

  /** Names that were read since it was last set. */
  Set<String> names = new HashSet<>();

  ExpressionParser(List<Token> tokens) {
    super(tokens);
  }

  /**
   * An expression, or a tuple without parentheses.
   *
   * @param conditional whether it may be an inline if
   */
  final Node tuple(boolean conditional) {
    int at = current().at();
    List<Node> elements = new ArrayList<>();
    boolean many = false;
    do {
      Kind kind = current().kind();
      if (many && (kind == Kind.OUTPUT_END || kind == Kind.BLOCK_END || is(")"))) {
        break;
      }
      elements.add(expression(conditional));
      many |= is(",");
    } while (skip(","));
    return many ? Node.at(at, Node.list(Items.Kind.TUPLE, elements)) : elements.getFirst();
  }

  final Node expression() {
    return expression(true);
  }

  final Node expression(boolean conditional) {
    enter();
    int at = current().at();
    Node value = logic(true);
    while (conditional && skipName("if")) {
      Node test = logic(true);
      Node otherwise = skipName("else") ? expression() : null;
      value = Node.at(at, Node.conditional(test, value, otherwise));
    }
    leave();
    return value;
  }

  /** What {@code or} joins, or what {@code and} does, which binds more. */
  private Node logic(boolean or) {
    Node left = or ? logic(false) : not();
    while (isName(or ? "or" : "and")) {
      int at = take().at();
      left = Node.at(at, Node.logic(or, left, or ? logic(false) : not()));
    }
    return left;
  }

  private Node not() {
    if (!isName("not")) {
      return comparison();
    }
    int at = take().at();
    enter();
    Node operand = not();
    leave();
    return Node.at(at, (run, scope) -> !Values.isTrue(operand.value(run, scope)));
  }

  private Node comparison() {
    Node first = operation(0);
    int at = current().at();
    List<String> operators = new ArrayList<>(1);
    List<Node> others = new ArrayList<>(1);
    for (String operator = comparator(); operator != null; operator = comparator()) {
      operators.add(operator);
      others.add(operation(0));
    }
    return operators.isEmpty() ? first : Node.at(at, Node.comparison(first, operators, others));
  }

  /** A comparison's operator, which is taken, or null. */
  private String comparator() {
    Token token = current();
    if (token.kind() == Kind.OPERATOR && COMPARATORS.contains(token.text())) {
      return take().text();
    }
    if (isName("not") && following().is(Kind.NAME, "in")) {
      take();
      take();
      return "not in";
    }
    return skipName("in") ? "in" : null;
  }

  private Node operation(int level) {
    if (level == LEVELS.size()) {
      return unary(true);
    }
    Node value = operation(level + 1);
    while (current().kind() == Kind.OPERATOR && LEVELS.get(level).contains(current().text())) {
      Token operator = take();
      Node left = value;
      Node right = operation(level + 1);
      value =
          Node.at(
              operator.at(),
              (run, scope) ->
                  Operators.apply(
                      run, operator.text(), left.value(run, scope), right.value(run, scope)));
    }
    return value;
  }

  /** A filter applies to what a sign makes. */
  private Node unary(boolean withFilters) {
    Node value;
    if (is("-") || is("+")) {
      Token sign = take();
      boolean minus = sign.text().equals("-");
      enter();
      Node operand = unary(false);
      leave();
      value =
          Node.at(sign.at(), (run, scope) -> Operators.signed(minus, operand.value(run, scope)));
    } else {
      value = primary();
    }
    return postfix(value, withFilters);
  }

  final Node primary() {
    Token token = take();
    return switch (token.kind()) {
      case NAME -> {
        String name = token.text();
        Object constant = name.equalsIgnoreCase("none") ? null : name.equalsIgnoreCase("true");
        names.add(name);
        yield CONSTANTS.contains(name)
            ? (run, scope) -> constant
            : Node.at(token.at(), (run, scope) -> scope.get(name));
      }
      case NUMBER -> (run, scope) -> token.number();
      case STRING -> {
        StringBuilder all = new StringBuilder(token.text());
        while (current().kind() == Kind.STRING) {
          all.append(take().text());
        }
        String text = all.toString();
        yield (run, scope) -> text;
      }
      case OPERATOR -> bracketed(token);
      default -> throw unexpected(token);
    };
  }

  private Node bracketed(Token open) {
    switch (open.text()) {
      case "(" -> {
        Node inner = is(")") ? Node.list(Items.Kind.TUPLE, List.of()) : tuple(true);
        expect(")");
        return inner;
      }
      case "[" -> {
        List<Node> elements = new ArrayList<>();
        while (more("]", elements.isEmpty())) {
          elements.add(expression());
        }
        return Node.at(open.at(), Node.list(Items.Kind.LIST, elements));
      }
      case "{" -> {
        List<Node> keys = new ArrayList<>();
        List<Node> values = new ArrayList<>();
        while (more("}", keys.isEmpty())) {
          keys.add(expression());
          expect(":");
          values.add(expression());
        }
        return Node.at(open.at(), Node.dict(keys, values));
      }
      default -> throw unexpected(open);
    }
  }

  /** Whether there is one more of what commas separate; takes the comma, or the end. */
  final boolean more(String end, boolean first) {
    if (skip(end)) {
      return false;
    }
    if (!first) {
      expect(",");
    }
    return !skip(end);
  }

  private Node postfix(Node start, boolean withFilters) {
    Node value = start;
    while (true) {
      Node object = value;
      int at = current().at();
      if (skip(".")) {
        Token key = take();
        String name = key.text();
        if (key.kind() == Kind.NAME) {
          value =
              Node.at(key.at(), (run, scope) -> Access.attribute(object.value(run, scope), name));
        } else if (key.number() instanceof Long) {
          value = item(at, object, (run, scope) -> key.number());
        } else {
          throw unexpected(key);
        }
      } else if (skip("[")) {
        value = subscript(value, at);
      } else if (is("(")) {
        value = Node.at(at, Node.call(value, arguments()));
      } else if (withFilters && is("|")) {
        value = filters(value);
      } else if (withFilters && skipName("is")) {
        value = test(value);
      } else {
        return value;
      }
    }
  }

  private static Node item(int at, Node object, Node key) {
    return Node.at(
        at, (run, scope) -> Access.item(run, object.value(run, scope), key.value(run, scope)));
  }

  private Node subscript(Node object, int at) {
    Node start = is(":") ? null : expression();
    if (skip("]")) {
      return item(at, object, start);
    }
    expect(":");
    Node stop = is(":") || is("]") ? null : expression();
    Node step = skip(":") && !is("]") ? expression() : null;
    expect("]");
    return Node.at(at, Node.slice(object, start, stop, step));
  }

  /** A value with the filters that follow it, each after its mark. */
  final Node filters(Node start) {
    Node value = start;
    while (skip("|")) {
      value = filter(value);
    }
    return value;
  }

  final Node filter(Node value) {
    Token name = name();
    ArgumentList arguments = is("(") ? arguments() : NO_ARGUMENTS;
    return Node.at(
        name.at(),
        (run, scope) -> {
          Object filtered = value.value(run, scope);
          return Filters.apply(run, name.text(), filtered, arguments.value(run, scope));
        });
  }

  private Node test(Node value) {
    boolean wanted = !skipName("not");
    Token name = name();
    ArgumentList arguments;
    if (is("(")) {
      arguments = arguments();
    } else if (isTestArgument()) {
      if (isName("is")) {
        throw new TemplateException("tests with 'is' cannot be chained", name.at());
      }
      arguments = new ArgumentList(List.of(postfix(primary(), false)), Map.of());
    } else {
      arguments = NO_ARGUMENTS;
    }
    return Node.at(
        name.at(),
        (run, scope) -> {
          Object tested = value.value(run, scope);
          return Tests.apply(run, name.text(), tested, arguments.value(run, scope)) == wanted;
        });
  }

  private boolean isTestArgument() {
    return switch (current().kind()) {
      case STRING, NUMBER -> true;
      case NAME -> !isName("else") && !isName("or") && !isName("and");
      default -> is("[") || is("{");
    };
  }

  final ArgumentList arguments() {
    expect("(");
    List<Node> positional = new ArrayList<>();
    Map<String, Node> named = new LinkedHashMap<>();
    for (boolean first = true; more(")", first); first = false) {
      Token token = current();
      if (token.kind() == Kind.NAME && following().is(Kind.OPERATOR, "=")) {
        take();
        take();
        named.put(token.text(), expression());
      } else if (named.isEmpty()) {
        positional.add(expression());
      } else {
        throw new TemplateException("a positional argument follows a named one", token.at());
      }
    }
    return new ArgumentList(positional, named);
  }
}
