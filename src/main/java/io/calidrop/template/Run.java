package io.calidrop.template;

import java.time.Clock;
import java.util.List;

/**
 * One rendering: its output and what it may still do. A template comes with a model and is not to
 * be trusted, so that steps, texts and depth are bounded.
 */
final class Run {
  /** Units that any template may spend: evaluated nodes, characters and elements made. */
  private static final long BUDGET = 1L << 24;

  /** Units more for each character of the input. */
  private static final long BUDGET_PER_CHARACTER = 256;

  private static final int MOST_DEPTH = 400;

  private final Clock clock;
  private StringBuilder out = new StringBuilder();
  private long budget = BUDGET;
  private int depth;

  Run(Clock clock) {
    this.clock = clock;
  }

  Clock clock() {
    return clock;
  }

  /** Allows more, for so many characters of input. */
  void grant(long characters) {
    budget += BUDGET_PER_CHARACTER * characters;
  }

  /** Accounts for work or memory. */
  void spend(long units) {
    budget -= units;
    if (budget < 0) {
      throw new TemplateException("the template does too much for what it is given");
    }
  }

  void enter() {
    spend(1);
    if (++depth > MOST_DEPTH) {
      throw new TemplateException("the template nests too deeply");
    }
  }

  void leave() {
    depth--;
  }

  void write(String text) {
    spend(text.length());
    out.append(text);
  }

  /** Accounts for a text that was made. */
  String made(String text) {
    spend(text.length());
    return text;
  }

  /** Accounts for a search; a naive one may compare each character with each. */
  void search(String text, String part) {
    spend(1 + ((long) text.length() * Math.min(part.length(), text.length()) >> 4));
  }

  /** What statements write. */
  String capture(Scope scope, List<Node> body) {
    StringBuilder before = out;
    out = new StringBuilder();
    Node.all(this, scope, body);
    String text = out.toString();
    out = before;
    return made(text);
  }

  String output() {
    return out.toString();
  }
}
