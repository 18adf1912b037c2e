package io.calidrop.generate;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.InterpretException;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.tokenizer.Tokenizer;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** A model's chat template: Jinja, with the conventions of Hugging Face's transformers. */
public final class ChatTemplate {
  private static final String KEY = "tokenizer.chat_template";

  /** The format of most small chat models, for those whose file carries no template. */
  private static final String CHAT_ML =
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n'"
          + " + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
          + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

  /**
   * Stands after the first character of a special token's text in a message, so that no user can
   * write control tokens; it is removed again when the text around special tokens is tokenised. A
   * noncharacter, which no text contains.
   */
  private static final char GUARD = '\uFDD0';

  private final Jinjava engine;
  private final String source;
  private final String bos;
  private final String eos;

  private ChatTemplate(String source, String bos, String eos) {
    // The engine's scanner misses a quote that touches the opening braces.
    this.source = source.replaceAll("(\\{\\{-?)(?=['\"])", "$1 ");
    this.bos = bos;
    this.eos = eos;
    engine =
        new Jinjava(
            JinjavaConfig.newBuilder()
                .withTrimBlocks(true)
                .withLstripBlocks(true)
                .withFailOnUnknownTokens(false)
                .withLegacyOverrides(LegacyOverrides.ALL)
                .build());
    Context context = engine.getGlobalContext();
    context.registerFunction(
        new ELFunctionDefinition("", "raise_exception", Functions.class, "raise", String.class));
    context.registerFunction(
        new ELFunctionDefinition("", "strftime_now", Functions.class, "now", String.class));
  }

  /**
   * A template.
   *
   * @param bos text of the BOS token, which templates insert by name
   */
  public static ChatTemplate of(String source, String bos, String eos) {
    return new ChatTemplate(source, bos, eos);
  }

  /**
   * The template of a model file.
   *
   * @throws ModelFormatException if it has none and its vocabulary does not suggest one
   */
  public static ChatTemplate from(Metadata metadata, Tokenizer tokenizer) {
    String bos = tokenizer.bos() < 0 ? "" : tokenizer.piece(tokenizer.bos());
    String eos = tokenizer.eos() < 0 ? "" : tokenizer.piece(tokenizer.eos());
    if (metadata.contains(KEY)) {
      return of(metadata.string(KEY), bos, eos);
    }
    if (tokenizer.encode("<|im_start|>", true).length == 1) {
      return of(CHAT_ML, bos, eos);
    }
    throw new ModelFormatException("the model has no chat template; --raw continues plain text");
  }

  /**
   * The tokens of a conversation. Special tokens come from the template only: where a message
   * spells one, it stays plain text.
   *
   * @throws IllegalArgumentException if the template rejects the conversation
   */
  public int[] encode(
      List<ChatMessage> messages, boolean addGenerationPrompt, Tokenizer tokenizer) {
    List<String> specials =
        IntStream.range(0, tokenizer.vocabularySize())
            .filter(tokenizer::isControl)
            .mapToObj(tokenizer::piece)
            .filter(piece -> piece.length() > 1)
            .toList();
    List<ChatMessage> guarded =
        messages.stream()
            .map(message -> new ChatMessage(message.role(), guard(message.content(), specials)))
            .toList();
    return tokenizer.encodeGuarded(render(guarded, addGenerationPrompt), GUARD);
  }

  private static String guard(String content, List<String> specials) {
    String guarded = content;
    for (String special : specials) {
      if (guarded.contains(special)) {
        guarded = guarded.replace(special, special.charAt(0) + "" + GUARD + special.substring(1));
      }
    }
    return guarded;
  }

  /**
   * The text of a conversation.
   *
   * @throws IllegalArgumentException if the template rejects the conversation
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    Map<String, Object> variables = new HashMap<>();
    variables.put(
        "messages",
        messages.stream()
            .map(message -> Map.of("role", message.role(), "content", message.content()))
            .toList());
    variables.put("add_generation_prompt", addGenerationPrompt);
    variables.put("bos_token", bos);
    variables.put("eos_token", eos);
    RenderResult result;
    try {
      result = engine.renderForResult(source, variables);
    } catch (InterpretException e) {
      throw new IllegalArgumentException(
          "the chat template failed: " + firstLine(e.getMessage()), e);
    }
    result.getErrors().stream()
        .filter(error -> error.getSeverity() == TemplateError.ErrorType.FATAL)
        .findFirst()
        .ifPresent(
            error -> {
              throw new IllegalArgumentException(
                  "the chat template failed: " + firstLine(error.getMessage()));
            });
    return result.getOutput();
  }

  private static String firstLine(String message) {
    return message == null ? "unknown cause" : message.lines().findFirst().orElse("");
  }

  /** Functions that templates call. */
  public static final class Functions {
    private Functions() {}

    /** The template's way to refuse a conversation. */
    public static String raise(String message) {
      throw new IllegalArgumentException(message);
    }

    /** The time, formatted by the few {@code strftime} directives that templates use. */
    public static String now(String format) {
      String pattern =
          format
              .replace("%d", "dd")
              .replace("%m", "MM")
              .replace("%b", "MMM")
              .replace("%B", "MMMM")
              .replace("%Y", "yyyy")
              .replace("%H", "HH")
              .replace("%M", "mm");
      return LocalDateTime.now().format(DateTimeFormatter.ofPattern(pattern));
    }
  }
}
