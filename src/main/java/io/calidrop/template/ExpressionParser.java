package io.calidrop.template;

import io.calidrop.template.Expression.ArgumentList;
import io.calidrop.template.Expression.FilterCall;
import io.calidrop.template.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Reads expressions; binding powers are Jinja's, not quite Python's. */
final class ExpressionParser {
  private static final ArgumentList NO_ARGUMENTS =
      new ArgumentList(List.of(), List.of(), List.of(), null, null);

  private final Tokens tokens;
  private Set<String> names = new HashSet<>();

  ExpressionParser(Tokens tokens) {
    this.tokens = tokens;
  }

  /** Names that were read since {@link #names(Set)}. */
  Set<String> names() {
    return names;
  }

  void names(Set<String> into) {
    names = into;
  }

  static boolean isConstant(String name) {
    return switch (name) {
      case "true", "false", "none", "True", "False", "None" -> true;
      default -> false;
    };
  }

  /**
   * An expression, or a tuple without parentheses.
   *
   * @param conditional whether it may be an inline if
   * @param empty whether there may be nothing
   */
  Expression tuple(boolean conditional, boolean empty) {
    int at = tokens.current().at();
    List<Expression> elements = new ArrayList<>();
    boolean many = false;
    while (!isTupleEnd()) {
      elements.add(expression(conditional));
      if (!tokens.skip(",")) {
        break;
      }
      many = true;
    }
    if (!many && elements.size() == 1) {
      return elements.getFirst();
    }
    if (elements.isEmpty() && (many || !empty)) {
      throw tokens.unexpected();
    }
    return new Expression.ListOf(Items.Kind.TUPLE, elements, at);
  }

  private boolean isTupleEnd() {
    Kind kind = tokens.current().kind();
    return kind == Kind.OUTPUT_END || kind == Kind.BLOCK_END || tokens.is(")");
  }

  Expression expression(boolean conditional) {
    tokens.enter();
    int at = tokens.current().at();
    Expression value = or();
    while (conditional && tokens.skipName("if")) {
      Expression test = or();
      Expression otherwise = tokens.skipName("else") ? expression(true) : null;
      value = new Expression.Conditional(test, value, otherwise, at);
    }
    tokens.leave();
    return value;
  }

  private Expression or() {
    Expression left = and();
    while (tokens.isName("or")) {
      int at = tokens.take().at();
      left = new Expression.Or(left, and(), at);
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.isName("and")) {
      int at = tokens.take().at();
      left = new Expression.And(left, not(), at);
    }
    return left;
  }

  private Expression not() {
    if (!tokens.isName("not")) {
      return comparison();
    }
    int at = tokens.take().at();
    tokens.enter();
    Expression operand = not();
    tokens.leave();
    return new Expression.Not(operand, at);
  }

  private Expression comparison() {
    Expression first = sum();
    int at = tokens.current().at();
    List<String> operators = null;
    List<Expression> others = null;
    for (String operator = comparator(); operator != null; operator = comparator()) {
      if (operators == null) {
        operators = new ArrayList<>(1);
        others = new ArrayList<>(1);
      }
      operators.add(operator);
      others.add(sum());
    }
    return operators == null ? first : new Expression.Comparison(first, operators, others, at);
  }

  /** A comparison's operator, which is taken, or null. */
  private String comparator() {
    Token token = tokens.current();
    if (token.kind() == Kind.OPERATOR) {
      return switch (token.text()) {
        case "==", "!=", "<", "<=", ">", ">=" -> tokens.take().text();
        default -> null;
      };
    }
    if (tokens.skipName("in")) {
      return "in";
    }
    if (tokens.isName("not") && tokens.following().is(Kind.NAME, "in")) {
      tokens.take();
      tokens.take();
      return "not in";
    }
    return null;
  }

  private Expression sum() {
    Expression left = concatenation();
    while (tokens.is("+") || tokens.is("-")) {
      Token operator = tokens.take();
      left = new Expression.Arithmetic(operator.text(), left, concatenation(), operator.at());
    }
    return left;
  }

  private Expression concatenation() {
    Expression first = product();
    if (!tokens.is("~")) {
      return first;
    }
    int at = tokens.current().at();
    List<Expression> parts = new ArrayList<>();
    parts.add(first);
    while (tokens.skip("~")) {
      parts.add(product());
    }
    return new Expression.Concatenation(parts, at);
  }

  private Expression product() {
    Expression left = power();
    while (tokens.is("*") || tokens.is("/") || tokens.is("//") || tokens.is("%")) {
      Token operator = tokens.take();
      left = new Expression.Arithmetic(operator.text(), left, power(), operator.at());
    }
    return left;
  }

  private Expression power() {
    Expression left = unary(true);
    while (tokens.is("**")) {
      Token operator = tokens.take();
      left = new Expression.Arithmetic("**", left, unary(true), operator.at());
    }
    return left;
  }

  /** A filter applies to what a sign makes. */
  private Expression unary(boolean withFilters) {
    Expression value;
    if (tokens.is("-") || tokens.is("+")) {
      Token sign = tokens.take();
      tokens.enter();
      Expression operand = unary(false);
      tokens.leave();
      value = new Expression.Sign(sign.text().equals("-"), operand, sign.at());
    } else {
      value = primary();
    }
    value = postfix(value);
    return withFilters ? filtersAndTests(value) : value;
  }

  private Expression primary() {
    Token token = tokens.take();
    return switch (token.kind()) {
      case NAME -> name(token);
      case NUMBER -> new Expression.Literal(token.number(), token.at());
      case STRING -> {
        if (tokens.current().kind() != Kind.STRING) {
          yield new Expression.Literal(token.text(), token.at());
        }
        StringBuilder text = new StringBuilder(token.text());
        while (tokens.current().kind() == Kind.STRING) {
          text.append(tokens.take().text());
        }
        yield new Expression.Literal(text.toString(), token.at());
      }
      case OPERATOR -> bracketed(token);
      default -> throw unexpected(token);
    };
  }

  private static TemplateException unexpected(Token token) {
    return new TemplateException("unexpected " + token.describe(), token.at());
  }

  private Expression name(Token token) {
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
        Expression inner = tuple(true, true);
        tokens.expect(Kind.OPERATOR, ")");
        return inner;
      }
      case "[" -> {
        List<Expression> elements = new ArrayList<>();
        while (!tokens.skip("]")) {
          separate(!elements.isEmpty());
          if (!tokens.is("]")) {
            elements.add(expression(true));
          }
        }
        return new Expression.ListOf(Items.Kind.LIST, elements, open.at());
      }
      case "{" -> {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!tokens.skip("}")) {
          separate(!keys.isEmpty());
          if (!tokens.is("}")) {
            keys.add(expression(true));
            tokens.expect(Kind.OPERATOR, ":");
            values.add(expression(true));
          }
        }
        return new Expression.DictOf(keys, values, open.at());
      }
      default -> throw unexpected(open);
    }
  }

  private void separate(boolean needed) {
    if (needed) {
      tokens.expect(Kind.OPERATOR, ",");
    }
  }

  private Expression postfix(Expression start) {
    Expression value = start;
    while (true) {
      Token token = tokens.current();
      if (tokens.skip(".")) {
        Token key = tokens.take();
        if (key.kind() == Kind.NAME) {
          value = new Expression.Attribute(value, key.text(), key.at());
        } else if (key.kind() == Kind.NUMBER && key.number() instanceof Long) {
          Expression number = new Expression.Literal(key.number(), key.at());
          value = new Expression.Item(value, number, token.at());
        } else {
          throw unexpected(key);
        }
      } else if (tokens.skip("[")) {
        value = subscript(value, token.at());
      } else if (tokens.is("(")) {
        value = new Expression.Call(value, arguments(), token.at());
      } else {
        return value;
      }
    }
  }

  private Expression subscript(Expression object, int at) {
    Expression start = tokens.is(":") ? null : expression(true);
    if (tokens.skip("]")) {
      return new Expression.Item(object, start, at);
    }
    if (tokens.is(",")) {
      List<Expression> keys = new ArrayList<>();
      keys.add(start);
      while (tokens.skip(",")) {
        keys.add(expression(true));
      }
      tokens.expect(Kind.OPERATOR, "]");
      return new Expression.Item(object, new Expression.ListOf(Items.Kind.TUPLE, keys, at), at);
    }
    tokens.expect(Kind.OPERATOR, ":");
    Expression stop = tokens.is(":") || tokens.is("]") ? null : expression(true);
    Expression step = tokens.skip(":") && !tokens.is("]") ? expression(true) : null;
    tokens.expect(Kind.OPERATOR, "]");
    return new Expression.Slice(object, start, stop, step, at);
  }

  private Expression filtersAndTests(Expression start) {
    Expression value = start;
    while (true) {
      Token token = tokens.current();
      if (tokens.skip("|")) {
        value = new Expression.Filter(value, filter());
      } else if (tokens.skipName("is")) {
        value = test(value);
      } else if (tokens.is("(")) {
        value = new Expression.Call(value, arguments(), token.at());
      } else {
        return value;
      }
    }
  }

  /** A filter after its mark. */
  FilterCall filter() {
    Token token = tokens.current();
    String name = dotted();
    return new FilterCall(name, tokens.is("(") ? arguments() : NO_ARGUMENTS, token.at());
  }

  /** Filters, each after its mark. */
  List<FilterCall> filters() {
    List<FilterCall> filters = new ArrayList<>();
    while (tokens.skip("|")) {
      filters.add(filter());
    }
    return filters;
  }

  private String dotted() {
    StringBuilder name = new StringBuilder(tokens.name().text());
    while (tokens.skip(".")) {
      name.append('.').append(tokens.name().text());
    }
    return name.toString();
  }

  private Expression test(Expression object) {
    boolean negated = tokens.skipName("not");
    int at = tokens.current().at();
    String name = dotted();
    ArgumentList arguments = NO_ARGUMENTS;
    if (tokens.is("(")) {
      arguments = arguments();
    } else if (isTestArgument()) {
      if (tokens.isName("is")) {
        throw new TemplateException("tests with 'is' cannot be chained", at);
      }
      List<Expression> one = new ArrayList<>(1);
      one.add(postfix(primary()));
      arguments = new ArgumentList(one, List.of(), List.of(), null, null);
    }
    Expression test = new Expression.Test(object, name, arguments, at);
    return negated ? new Expression.Not(test, at) : test;
  }

  private boolean isTestArgument() {
    Token token = tokens.current();
    return switch (token.kind()) {
      case STRING, NUMBER -> true;
      case NAME -> !tokens.isName("else") && !tokens.isName("or") && !tokens.isName("and");
      default -> tokens.is("[") || tokens.is("{");
    };
  }

  private ArgumentList arguments() {
    tokens.expect(Kind.OPERATOR, "(");
    List<Expression> positional = new ArrayList<>();
    List<String> keywords = new ArrayList<>();
    List<Expression> named = new ArrayList<>();
    Expression star = null;
    Expression doubleStar = null;
    boolean first = true;
    while (!tokens.skip(")")) {
      separate(!first);
      first = false;
      Token token = tokens.current();
      if (tokens.is(")")) {
        continue;
      }
      boolean keyword = token.kind() == Kind.NAME && tokens.following().is(Kind.OPERATOR, "=");
      boolean late = star != null || doubleStar != null;
      if (tokens.is("*") && !late) {
        tokens.take();
        star = expression(true);
      } else if (tokens.is("**") && doubleStar == null) {
        tokens.take();
        doubleStar = expression(true);
      } else if (keyword && doubleStar == null) {
        keywords.add(tokens.take().text());
        tokens.take();
        named.add(expression(true));
      } else if (!keyword && !late && named.isEmpty()) {
        positional.add(expression(true));
      } else {
        throw new TemplateException("invalid syntax for function call", token.at());
      }
    }
    return new ArgumentList(positional, keywords, named, star, doubleStar);
  }
}
