package io.calidrop.template;

import io.calidrop.template.Token.Kind;
import java.util.List;

/** The tokens that are still to be read. */
final class Tokens {
  private static final int MOST_DEPTH = 150;

  private final List<Token> tokens;
  private int next;
  private int depth;

  Tokens(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token current() {
    return tokens.get(next);
  }

  Token following() {
    return tokens.get(Math.min(next + 1, tokens.size() - 1));
  }

  /** The current token; the end is never passed. */
  Token take() {
    Token token = current();
    if (token.kind() != Kind.END) {
      next++;
    }
    return token;
  }

  Token name() {
    if (current().kind() != Kind.NAME) {
      throw unexpected();
    }
    return take();
  }

  boolean is(String operator) {
    return current().is(Kind.OPERATOR, operator);
  }

  boolean isName(String name) {
    return current().is(Kind.NAME, name);
  }

  boolean skip(String operator) {
    boolean there = is(operator);
    next += there ? 1 : 0;
    return there;
  }

  boolean skipName(String name) {
    boolean there = isName(name);
    next += there ? 1 : 0;
    return there;
  }

  void expect(Kind kind, String text) {
    Token token = current();
    if (!token.is(kind, text)) {
      throw new TemplateException("expected '" + text + "', not " + token.describe(), token.at());
    }
    next++;
  }

  TemplateException unexpected() {
    return new TemplateException("unexpected " + current().describe(), current().at());
  }

  /** Counts how deeply what is read is nested. */
  void enter() {
    if (++depth > MOST_DEPTH) {
      throw new TemplateException("the template nests too deeply", current().at());
    }
  }

  void leave() {
    depth--;
  }
}
