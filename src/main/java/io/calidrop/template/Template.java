package io.calidrop.template;

import java.time.Clock;
import java.util.List;
import java.util.Map;

/**
 * A chat template: Jinja as Hugging Face's {@code apply_chat_template} sets it up, with Python's
 * semantics of values. Blocks are trimmed, nothing is escaped, no value can be changed but a
 * namespace, and no other template is read. Immutable and safe for concurrent use.
 *
 * <p>A template comes with a model and may be hostile: what it can compute, write and nest is
 * bounded, in proportion to what it is given.
 */
public final class Template {
  private final String source; // with normal line ends
  private final List<Node> body;

  private Template(String source, List<Node> body) {
    this.source = source;
    this.body = body;
  }

  /**
   * Reads a template.
   *
   * @throws TemplateException where it is none
   */
  public static Template of(String source) {
    String normalized = Lexer.normalize(source);
    try {
      return new Template(normalized, new Parser(Lexer.tokens(normalized)).template());
    } catch (TemplateException e) {
      throw e.in(normalized);
    }
  }

  /**
   * The text that it makes of values: null, String, Boolean, numbers, and collections and maps of
   * them.
   *
   * @param clock what {@code strftime_now} reads
   * @throws TemplateException where it fails, refuses, or asks for too much
   */
  public String render(Map<String, ?> values, Clock clock) {
    Run run = new Run(clock);
    run.grant(source.length());
    try {
      Scope scope = new Scope(Globals.scope());
      for (Map.Entry<String, ?> entry : values.entrySet()) {
        scope.set(entry.getKey(), Values.of(run, entry.getValue()));
      }
      Node.all(run, scope, body);
      return run.output();
    } catch (TemplateException e) {
      throw e.in(source);
    }
  }
}
