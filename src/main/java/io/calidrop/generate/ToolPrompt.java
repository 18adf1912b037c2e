package io.calidrop.generate;

import io.calidrop.constraint.CallForm;
import io.calidrop.constraint.Constraint;
import io.calidrop.constraint.JsonCalls;
import io.calidrop.tokenizer.Tokenizer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A conversation with functions that the model may call, written as its template writes them. Where
 * a template knows no functions, a system message describes them.
 *
 * @param template that gets the functions
 * @param form how the model writes calls
 */
public record ToolPrompt(
    ChatTemplate template, List<ChatMessage> messages, Tools tools, CallForm form) {
  private static final String PROBE = "probe_name";
  private static final ChatMessage ASKED = ChatMessage.user("Hi");

  /**
   * The prompt of a conversation.
   *
   * @throws IllegalArgumentException if the template writes calls in a form that is not known
   */
  public static ToolPrompt of(ChatTemplate template, List<ChatMessage> messages, Tools tools) {
    if (!knowsTools(template)) {
      return new ToolPrompt(
          template, ToolMessages.described(messages, tools), tools, JsonCalls.TAGS);
    }
    ChatTemplate with = template.withArguments(Map.of("tools", tools.definitions()));
    return new ToolPrompt(with, messages, tools, TemplateCalls.form(template));
  }

  /** Whether a template writes the functions that it gets. */
  private static boolean knowsTools(ChatTemplate template) {
    Map<String, Object> function = new LinkedHashMap<>();
    function.put("name", PROBE);
    function.put("description", "x");
    function.put("parameters", Map.of("type", "object", "properties", Map.of()));
    Map<String, Object> tool = Map.of("type", "function", "function", function);
    return template
        .withArguments(Map.of("tools", List.of(tool)))
        .render(List.of(ASKED), true)
        .contains(PROBE);
  }

  /** The options with the constraint that an answer calls functions rightly, or must call one. */
  public GenerationOptions options(GenerationOptions options) {
    Constraint constraint =
        form.constraint(
            tools.callable(),
            tools.required() || tools.named().isPresent(),
            tools.several(),
            options.constraint());
    return template.afterThought(options.withConstraint(Optional.of(constraint)), messages);
  }

  /** What an answer calls. A call that the answer breaks off in is none. */
  public ToolAnswer read(GenerationResult result, Tokenizer tokenizer) {
    return new ToolReader(form, tools.callable()).read(result, tokenizer);
  }

  /** Tells an answer's text as it comes, without the calls. */
  public ToolStream stream(Tokenizer tokenizer) {
    return new ToolStream(form, tokenizer);
  }
}
