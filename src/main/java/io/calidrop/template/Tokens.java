package io.calidrop.template;

import io.calidrop.template.Token.Kind;
import java.util.List;

/** The tokens that are still to be read. */
abstract class Tokens {
  private static final int MOST_DEPTH = 150;

  private final List<Token> tokens;
  private int next;
  private int depth;

  Tokens(List<Token> tokens) {
    this.tokens = tokens;
  }

  final Token current() {
    return tokens.get(next);
  }

  final Token following() {
    return tokens.get(Math.min(next + 1, tokens.size() - 1));
  }

  /** The current token; the end is never passed. */
  final Token take() {
    Token token = current();
    next += token.kind() == Kind.END ? 0 : 1;
    return token;
  }

  final boolean is(String operator) {
    return current().is(Kind.OPERATOR, operator);
  }

  final boolean isName(String name) {
    return current().is(Kind.NAME, name);
  }

  final boolean skip(String operator) {
    return skip(Kind.OPERATOR, operator);
  }

  final boolean skipName(String name) {
    return skip(Kind.NAME, name);
  }

  private boolean skip(Kind kind, String text) {
    boolean there = current().is(kind, text);
    next += there ? 1 : 0;
    return there;
  }

  final Token name() {
    if (current().kind() != Kind.NAME) {
      throw unexpected(current());
    }
    return take();
  }

  final void expect(Kind kind, String text) {
    if (!skip(kind, text)) {
      String found = describe(current());
      throw new TemplateException("expected '" + text + "', not " + found, current().at());
    }
  }

  final void expect(String operator) {
    expect(Kind.OPERATOR, operator);
  }

  static TemplateException unexpected(Token token) {
    return new TemplateException("unexpected " + describe(token), token.at());
  }

  private static String describe(Token token) {
    return token.kind() == Kind.END ? "the end of the template" : "'" + token.text() + "'";
  }

  /** Counts how deeply what is read is nested. */
  final void enter() {
    if (++depth > MOST_DEPTH) {
      throw new TemplateException("the template nests too deeply", current().at());
    }
  }

  final void leave() {
    depth--;
  }
}
