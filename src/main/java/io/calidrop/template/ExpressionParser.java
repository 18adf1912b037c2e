package io.calidrop.template;

import io.calidrop.template.Expression.ArgumentList;
import io.calidrop.template.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads expressions; binding powers are Jinja's, not quite Python's. */
abstract class ExpressionParser extends Tokens {
  private static final ArgumentList NO_ARGUMENTS =
      new ArgumentList(List.of(), Map.of(), null, null);

  /** Operators of two operands, those that bind least first. */
  private static final List<Set<String>> LEVELS =
      List.of(Set.of("+", "-"), Set.of("~"), Set.of("*", "/", "//", "%"), Set.of("**"));

  private static final Set<String> COMPARATORS = Set.of("==", "!=", "<", "<=", ">", ">=");

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
  final Expression tuple(boolean conditional) {
    int at = current().at();
    List<Expression> elements = new ArrayList<>();
    boolean many = false;
    do {
      Kind kind = current().kind();
      if (many && (kind == Kind.OUTPUT_END || kind == Kind.BLOCK_END || is(")"))) {
        break;
      }
      elements.add(expression(conditional));
      many |= is(",");
    } while (skip(","));
    return many ? new Expression.ListOf(Items.Kind.TUPLE, elements, at) : elements.getFirst();
  }

  final Expression expression() {
    return expression(true);
  }

  final Expression expression(boolean conditional) {
    enter();
    int at = current().at();
    Expression value = or();
    while (conditional && skipName("if")) {
      Expression test = or();
      Expression otherwise = skipName("else") ? expression() : null;
      value = new Expression.Conditional(test, value, otherwise, at);
    }
    leave();
    return value;
  }

  private Expression or() {
    Expression left = and();
    while (isName("or")) {
      int at = take().at();
      left = new Expression.Logic(true, left, and(), at);
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (isName("and")) {
      int at = take().at();
      left = new Expression.Logic(false, left, not(), at);
    }
    return left;
  }

  private Expression not() {
    if (!isName("not")) {
      return comparison();
    }
    int at = take().at();
    enter();
    Expression operand = not();
    leave();
    return new Expression.Not(operand, at);
  }

  private Expression comparison() {
    int at = current().at();
    Expression first = operation(0);
    List<String> operators = new ArrayList<>(1);
    List<Expression> others = new ArrayList<>(1);
    for (String operator = comparator(); operator != null; operator = comparator()) {
      operators.add(operator);
      others.add(operation(0));
    }
    return operators.isEmpty() ? first : new Expression.Comparison(first, operators, others, at);
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

  private Expression operation(int level) {
    if (level == LEVELS.size()) {
      return unary(true);
    }
    Expression left = operation(level + 1);
    while (current().kind() == Kind.OPERATOR && LEVELS.get(level).contains(current().text())) {
      Token operator = take();
      left = new Expression.Arithmetic(operator.text(), left, operation(level + 1), operator.at());
    }
    return left;
  }

  /** A filter applies to what a sign makes. */
  private Expression unary(boolean withFilters) {
    Expression value;
    if (is("-") || is("+")) {
      Token sign = take();
      enter();
      Expression operand = unary(false);
      leave();
      value = new Expression.Sign(sign.text().equals("-"), operand, sign.at());
    } else {
      value = primary();
    }
    value = postfix(value);
    return withFilters ? filtersAndTests(value) : value;
  }

  private Expression primary() {
    Token token = take();
    return switch (token.kind()) {
      case NAME -> constantOrName(token);
      case NUMBER -> new Expression.Literal(token.number(), token.at());
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (current().kind() == Kind.STRING) {
          text.append(take().text());
        }
        yield new Expression.Literal(text.toString(), token.at());
      }
      case OPERATOR -> bracketed(token);
      default -> throw unexpected(token);
    };
  }

  final Expression constantOrName(Token token) {
    return switch (token.text()) {
      case "true", "True" -> new Expression.Literal(true, token.at());
      case "false", "False" -> new Expression.Literal(false, token.at());
      case "none", "None" -> new Expression.Literal(null, token.at());
      default -> {
        names.add(token.text());
        yield new Expression.Name(token.text(), token.at());
      }
    };
  }

  private Expression bracketed(Token open) {
    switch (open.text()) {
      case "(" -> {
        Expression inner =
            is(")") ? new Expression.ListOf(Items.Kind.TUPLE, List.of(), open.at()) : tuple(true);
        expect(")");
        return inner;
      }
      case "[" -> {
        List<Expression> elements = new ArrayList<>();
        while (more("]", elements.isEmpty())) {
          elements.add(expression());
        }
        return new Expression.ListOf(Items.Kind.LIST, elements, open.at());
      }
      case "{" -> {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (more("}", keys.isEmpty())) {
          keys.add(expression());
          expect(":");
          values.add(expression());
        }
        return new Expression.DictOf(keys, values, open.at());
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

  private Expression postfix(Expression start) {
    Expression value = start;
    while (true) {
      int at = current().at();
      if (skip(".")) {
        Token key = take();
        if (key.kind() == Kind.NAME) {
          value = new Expression.Attribute(value, key.text(), key.at());
        } else if (key.number() instanceof Long) {
          value = new Expression.Item(value, new Expression.Literal(key.number(), key.at()), at);
        } else {
          throw unexpected(key);
        }
      } else if (skip("[")) {
        value = subscript(value, at);
      } else if (is("(")) {
        value = new Expression.Call(value, arguments(), at);
      } else {
        return value;
      }
    }
  }

  private Expression subscript(Expression object, int at) {
    Expression start = is(":") ? null : expression();
    if (skip("]")) {
      return new Expression.Item(object, start, at);
    }
    expect(":");
    Expression stop = is(":") || is("]") ? null : expression();
    Expression step = skip(":") && !is("]") ? expression() : null;
    expect("]");
    return new Expression.Slice(object, start, stop, step, at);
  }

  private Expression filtersAndTests(Expression start) {
    Expression value = start;
    while (true) {
      int at = current().at();
      if (is("|")) {
        value = filters(value);
      } else if (skipName("is")) {
        value = test(value);
      } else if (is("(")) {
        value = new Expression.Call(value, arguments(), at);
      } else {
        return value;
      }
    }
  }

  /** A value with the filters that follow it, each after its mark. */
  final Expression filters(Expression start) {
    Expression value = start;
    while (skip("|")) {
      value = filter(value);
    }
    return value;
  }

  final Expression filter(Expression value) {
    Token name = name();
    ArgumentList arguments = is("(") ? arguments() : NO_ARGUMENTS;
    return new Expression.Filter(value, name.text(), arguments, name.at());
  }

  private Expression test(Expression object) {
    boolean negated = skipName("not");
    Token name = name();
    ArgumentList arguments = NO_ARGUMENTS;
    if (is("(")) {
      arguments = arguments();
    } else if (isTestArgument()) {
      if (isName("is")) {
        throw new TemplateException("tests with 'is' cannot be chained", name.at());
      }
      arguments = new ArgumentList(List.of(postfix(primary())), Map.of(), null, null);
    }
    Expression test = new Expression.Test(object, name.text(), arguments, name.at());
    return negated ? new Expression.Not(test, name.at()) : test;
  }

  private boolean isTestArgument() {
    return switch (current().kind()) {
      case STRING, NUMBER -> true;
      case NAME -> !isName("else") && !isName("or") && !isName("and");
      default -> is("[") || is("{");
    };
  }

  private ArgumentList arguments() {
    expect("(");
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    Expression star = null;
    Expression doubleStar = null;
    boolean first = true;
    while (more(")", first)) {
      first = false;
      Token token = current();
      boolean keyword = token.kind() == Kind.NAME && following().is(Kind.OPERATOR, "=");
      if (star == null && doubleStar == null && skip("*")) {
        star = expression();
      } else if (doubleStar == null && skip("**")) {
        doubleStar = expression();
      } else if (keyword && doubleStar == null && !named.containsKey(token.text())) {
        take();
        take();
        named.put(token.text(), expression());
      } else if (!keyword && star == null && doubleStar == null && named.isEmpty()) {
        positional.add(expression());
      } else {
        throw new TemplateException("invalid syntax for function call", token.at());
      }
    }
    return new ArgumentList(positional, named, star, doubleStar);
  }
}
