package io.calidrop.generate;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.el.TruthyTypeConverter;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.objects.date.StrftimeFormatter;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import io.calidrop.gguf.ModelFormatException;
import java.time.Clock;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.util.Locale;
import java.util.Map;
import jinjava.de.odysseus.el.ExpressionFactoryImpl;
import jinjava.de.odysseus.el.tree.TreeStore;
import jinjava.de.odysseus.el.tree.impl.Builder;
import jinjava.de.odysseus.el.tree.impl.Cache;
import jinjava.javax.el.CompositeELResolver;
import jinjava.javax.el.ExpressionFactory;

/**
 * Jinjava made to read templates as Jinja2 does under Hugging Face's settings: blocks trimmed, the
 * functions {@code raise_exception} and {@code strftime_now}, Python's string methods, and {@code
 * not} binding looser than a comparison or a test. What a value contains is never itself a
 * template.
 */
final class JinjaEngine extends Jinjava {
  /** Every correction of Jinjava's early habits except blanks demanded inside the braces. */
  private static final LegacyOverrides AS_JINJA2 =
      LegacyOverrides.Builder.from(LegacyOverrides.ALL)
          .withWhitespaceRequiredWithinTokens(false)
          .withUseSnakeCasePropertyNaming(false)
          .build();

  private final ExpressionFactory expressions =
      new ExpressionFactoryImpl(
          new TreeStore(
              new PythonPrecedence.Syntax(
                  Builder.Feature.METHOD_INVOCATIONS, Builder.Feature.VARARGS),
              new Cache(256)),
          new TruthyTypeConverter());

  JinjaEngine(Clock clock) {
    super(config(clock));
    registerFunction(function("raise_exception"));
    registerFunction(function("strftime_now"));
    registerTag(new GenerationTag());
    // Templates ask whether the function is defined, which Jinjava answers from the variables.
    getGlobalContext().put("strftime_now", "function");
    getGlobalContext().put("raise_exception", "function");
  }

  private static JinjavaConfig config(Clock clock) {
    CompositeELResolver resolver = new CompositeELResolver();
    resolver.add(new PythonMethods());
    resolver.add(JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY);
    return JinjavaConfig.newBuilder()
        .withTrimBlocks(true)
        .withLstripBlocks(true)
        .withNestedInterpretationEnabled(false)
        .withLegacyOverrides(AS_JINJA2)
        .withElResolver(resolver)
        .withTimeZone(clock.getZone())
        .withDateTimeProvider(clock::millis)
        .build();
  }

  private static ELFunctionDefinition function(String name) {
    return new ELFunctionDefinition("", name, Functions.class, name, String.class);
  }

  @Override
  public ExpressionFactory getExpressionFactory() {
    return expressions;
  }

  /** Fails where the source does not parse. */
  void check(String source) {
    JinjavaInterpreter interpreter = newInterpreter();
    interpreter.parse(source);
    interpreter.getErrorsCopy().stream().findFirst().ifPresent(JinjaEngine::fail);
  }

  /**
   * The rendered text.
   *
   * @throws IllegalArgumentException with one line that says what the template refused or where it
   *     fails
   */
  @Override
  public String render(String source, Map<String, ?> values) {
    RenderResult result = renderForResult(source, values);
    result.getErrors().stream().findFirst().ifPresent(JinjaEngine::fail);
    return result.getOutput();
  }

  private static void fail(TemplateError error) {
    Exception cause = error.getException();
    for (Throwable t = cause; t != null; t = t.getCause()) {
      if (t instanceof Refusal refusal) {
        throw new IllegalArgumentException(
            "the model's chat template refuses the conversation: "
                + refusal.getMessage().replaceAll("\\s+", " "),
            cause);
      }
    }
    throw new ModelFormatException(
        "the model's chat template fails in line "
            + error.getLineno()
            + ": "
            + error.getMessage().replaceAll("\\s+", " ")
            + "; --raw does without it",
        cause);
  }

  /** What templates call; Jinjava takes static methods of public classes only. */
  public static final class Functions {
    private Functions() {}

    /** Ends the rendering because the template does not allow the conversation. */
    public static String raise_exception(String message) {
      throw new Refusal(message);
    }

    /** The time of the engine's clock in a format of C's {@code strftime}. */
    public static String strftime_now(String format) {
      JinjavaConfig config = JinjavaInterpreter.getCurrent().getConfig();
      Instant now = Instant.ofEpochMilli(config.getDateTimeProvider().getCurrentTimeMillis());
      return StrftimeFormatter.format(
          ZonedDateTime.ofInstant(now, config.getTimeZone()), format, Locale.ENGLISH);
    }
  }

  /** Hugging Face's mark around what the assistant says, of interest to training only. */
  static final class GenerationTag implements Tag {
    private static final long serialVersionUID = 1L;

    @Override
    public String getName() {
      return "generation";
    }

    @Override
    public String interpret(TagNode tag, JinjavaInterpreter interpreter) {
      StringBuilder body = new StringBuilder();
      for (Node child : tag.getChildren()) {
        body.append(child.render(interpreter).getValue());
      }
      return body.toString();
    }
  }

  static final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Refusal(String message) {
      super(message);
    }
  }
}
