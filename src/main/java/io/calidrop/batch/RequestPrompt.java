package io.calidrop.batch;

import io.calidrop.generate.ChatTemplate;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.ToolPrompt;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What a model is given of a request.
 *
 * @param tokens that the answer follows
 * @param options with what the answer may be
 * @param tools how the answer calls functions; empty where it may call none
 * @param document tokens up to the end of a document that others are about too, or 0
 */
public record RequestPrompt(
    int[] tokens, GenerationOptions options, Optional<ToolPrompt> tools, int document) {

  /** Of a request that is about nothing else. */
  RequestPrompt(int[] tokens, GenerationOptions options, Optional<ToolPrompt> tools) {
    this(tokens, options, tools, 0);
  }

  /**
   * The prompt of a request about a document, which stands before what the request says.
   *
   * @throws IllegalArgumentException as {@link #of(RequestBody, Engine, Supplier)}, or if no user
   *     says anything
   */
  static RequestPrompt of(
      RequestBody body, String document, Engine engine, Supplier<ChatTemplate> template) {
    RequestPrompt whole = of(body.about(document), engine, template);
    int[] alone = of(body.onlyAbout(document), engine, template).tokens;
    int common = Arrays.mismatch(whole.tokens, alone);
    int shared = common < 0 ? alone.length : common;
    int last = whole.tokens.length - 1;
    return new RequestPrompt(whole.tokens, whole.options, whole.tools, Math.min(shared, last));
  }

  /**
   * The prompt of a request.
   *
   * @param template asked for where there is a conversation
   * @throws IllegalArgumentException if there are no tokens, or the template refuses the
   *     conversation or its functions
   * @throws io.calidrop.gguf.ModelFormatException if the template fails
   */
  public static RequestPrompt of(RequestBody body, Engine engine, Supplier<ChatTemplate> template) {
    if (body.text().isPresent()) {
      int[] tokens = engine.encode(body.text().get());
      return new RequestPrompt(tokens, body.options(), Optional.empty());
    }
    ChatTemplate written = template.get().withArguments(body.templateArguments());
    if (body.tools().isPresent()) {
      ToolPrompt tools = ToolPrompt.of(written, body.messages(), body.tools().get());
      int[] tokens = tools.template().encode(tools.messages(), true, engine.tokenizer());
      return new RequestPrompt(tokens, tools.options(body.options()), Optional.of(tools));
    }
    int[] tokens = written.encode(body.messages(), true, engine.tokenizer());
    GenerationOptions options = written.afterThought(body.options(), body.messages());
    return new RequestPrompt(tokens, options, Optional.empty());
  }
}
