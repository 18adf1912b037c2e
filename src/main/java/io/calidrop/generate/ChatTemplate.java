package io.calidrop.generate;

import io.calidrop.gguf.ModelFormatException;
import io.calidrop.template.Template;
import io.calidrop.template.TemplateException;
import io.calidrop.tokenizer.Tokenizer;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * Writes a conversation the way a model was trained to read it. Immutable and safe for concurrent
 * use.
 */
public final class ChatTemplate {
  private static final String OF_MODEL = "the model's chat template";

  private final String name; // for messages
  private final String source;
  private final Template template;
  private final String bosToken;
  private final String eosToken;
  private final Clock clock;
  private final String notice; // or null
  private final Map<String, Object> arguments;

  ChatTemplate(String source, String bosToken, String eosToken, Clock clock) {
    this(OF_MODEL, source, parse(OF_MODEL, source), bosToken, eosToken, clock, null, Map.of());
  }

  private ChatTemplate(
      String name,
      String source,
      Template template,
      String bosToken,
      String eosToken,
      Clock clock,
      String notice,
      Map<String, Object> arguments) {
    this.name = name;
    this.source = source;
    this.template = template;
    this.bosToken = Objects.requireNonNull(bosToken, "bosToken");
    this.eosToken = Objects.requireNonNull(eosToken, "eosToken");
    this.clock = clock;
    this.notice = notice;
    this.arguments = arguments;
  }

  /**
   * A template from its Jinja source, read as Hugging Face's {@code apply_chat_template} does.
   *
   * @param bosToken text of the begin-of-sequence token, empty where there is none
   * @param eosToken text of the end-of-sequence token, empty where there is none
   * @throws ModelFormatException where the source does not parse
   */
  public static ChatTemplate of(String source, String bosToken, String eosToken) {
    return new ChatTemplate(source, bosToken, eosToken, Clock.systemDefaultZone());
  }

  /**
   * A template in place of the model's own.
   *
   * @param name what messages call it, such as its file
   * @param tokenizer of the model
   * @throws ModelFormatException where the source does not parse
   */
  public static ChatTemplate of(String source, String name, Tokenizer tokenizer) {
    return of("the chat template " + name, source, tokenizer, null);
  }

  private static ChatTemplate of(String name, String source, Tokenizer tokenizer, String notice) {
    String bos = tokenizer.bos() < 0 ? "" : tokenizer.piece(tokenizer.bos());
    String eos = tokenizer.eos() < 0 ? "" : tokenizer.piece(tokenizer.eos());
    Template template = parse(name, source);
    Clock clock = Clock.systemDefaultZone();
    return new ChatTemplate(name, source, template, bos, eos, clock, notice, Map.of());
  }

  private static Template parse(String name, String source) {
    try {
      return Template.of(source);
    } catch (TemplateException e) {
      throw failure(name, e);
    }
  }

  /** The same template with more arguments; of two with one name, the new one counts. */
  public ChatTemplate withArguments(Map<String, ?> more) {
    if (more.isEmpty()) {
      return this;
    }
    TemplateArguments.requireFree(more.keySet());
    Map<String, Object> all = new LinkedHashMap<>(arguments);
    all.putAll(more);
    return new ChatTemplate(
        name,
        source,
        template,
        bosToken,
        eosToken,
        clock,
        notice,
        Collections.unmodifiableMap(all));
  }

  /** What the template gets besides the conversation. */
  public Map<String, Object> arguments() {
    return arguments;
  }

  /**
   * A model's own template; where it has none, or one that cannot be rendered, a built-in one of
   * the same kind, which {@link #notice} names.
   *
   * @param source metadata {@code tokenizer.chat_template}
   * @throws ModelFormatException where neither will do
   */
  public static ChatTemplate forModel(Optional<String> source, Tokenizer tokenizer) {
    ModelFormatException why;
    try {
      if (source.isPresent()) {
        ChatTemplate own = of(OF_MODEL, source.get(), tokenizer, null);
        own.probe();
        return own;
      }
      why =
          new ModelFormatException(
              "the model has no chat template; --raw continues the text without one");
    } catch (ModelFormatException e) {
      why = e;
    }
    ModelFormatException reason = why;
    BuiltInTemplate known =
        source
            .flatMap(BuiltInTemplate::like)
            .or(() -> BuiltInTemplate.of(tokenizer))
            .orElseThrow(() -> reason);
    String notice = "%s; the built-in template %s stands in".formatted(why.getMessage(), known);
    return of("the chat template " + known, known.source(), tokenizer, notice);
  }

  /**
   * Renders what every model should know.
   *
   * @throws ModelFormatException where the template fails
   */
  private void probe() {
    ChatMessage user = ChatMessage.user("Hi");
    ChatMessage answer = ChatMessage.assistant("Hello");
    ChatMessage rules = ChatMessage.system("Be brief.");
    for (List<ChatMessage> messages :
        List.of(List.of(user), List.of(rules, user), List.of(user, answer, user))) {
      try {
        render(messages, true);
      } catch (IllegalArgumentException e) {
        // it refuses such a conversation, and says why when there is one
      }
    }
  }

  /** What the user should know about the template: that it is not the model's own. */
  public Optional<String> notice() {
    return Optional.ofNullable(notice);
  }

  /**
   * The conversation as text.
   *
   * @param addGenerationPrompt whether the opening of the assistant's next turn follows
   * @throws IllegalArgumentException where the template refuses the conversation
   * @throws ModelFormatException where the template itself fails
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    return render(messages, addGenerationPrompt, UnaryOperator.identity());
  }

  private String render(
      List<ChatMessage> messages, boolean addGenerationPrompt, UnaryOperator<String> onContent) {
    List<Map<String, Object>> turns = new ArrayList<>();
    for (ChatMessage message : messages) {
      Map<String, Object> turn = new LinkedHashMap<>();
      turn.put("role", message.role());
      turn.put("content", onContent.apply(message.content()));
      message.more().forEach((key, value) -> turn.put(key, marked(value, onContent)));
      turns.add(turn);
    }
    Map<String, Object> values = new LinkedHashMap<>(arguments);
    values.computeIfPresent("tools", (name, tools) -> marked(tools, onContent));
    values.put("messages", turns);
    values.put("add_generation_prompt", addGenerationPrompt);
    values.put("bos_token", bosToken);
    values.put("eos_token", eosToken);
    try {
      return template.render(values, clock);
    } catch (TemplateException e) {
      throw failure(name, e);
    }
  }

  /** A value with its texts guarded. */
  private static Object marked(Object value, UnaryOperator<String> onContent) {
    return switch (value) {
      case String text -> onContent.apply(text);
      case List<?> list -> list.stream().map(element -> marked(element, onContent)).toList();
      case Map<?, ?> map -> {
        Map<String, Object> marked = new LinkedHashMap<>();
        map.forEach((key, element) -> marked.put((String) key, marked(element, onContent)));
        yield marked;
      }
      case null, default -> value;
    };
  }

  /**
   * The options for the answer to a conversation: where the template opens a thought, a constraint
   * begins when the thought is over.
   */
  public GenerationOptions afterThought(GenerationOptions options, List<ChatMessage> messages) {
    if (options.constraint().isEmpty()) {
      return options;
    }
    return Reasoning.openedBy(render(messages, true))
        .map(marks -> options.withConstraint(options.constraint().map(c -> c.after(marks.close()))))
        .orElse(options);
  }

  /** A refusal is about the conversation, all else about the template. */
  private static RuntimeException failure(String name, TemplateException e) {
    return e.isRefusal()
        ? new IllegalArgumentException(name + " refuses the conversation: " + e.reason(), e)
        : new ModelFormatException(
            "%s fails in %s: %s; --raw does without it".formatted(name, e.place(), e.reason()), e);
  }

  /**
   * The tokens that come after the last answer of a conversation: its end, the turns since and the
   * opening of the assistant's next turn. What stands before them may be any tokens, those that
   * were generated, also where the template would write them otherwise.
   *
   * @param messages hold an answer and end with the user's next turn
   * @return empty where the template does not write the last answer as it is
   * @throws IllegalArgumentException where the template refuses the conversation
   * @throws ModelFormatException where the template itself fails
   */
  public Optional<int[]> encodeAfterAnswer(List<ChatMessage> messages, Tokenizer tokenizer) {
    int last = messages.size() - 1;
    while (!messages.get(last).role().equals("assistant")) {
      last--;
    }
    ControlGuard guard = guard(messages, tokenizer);
    List<ChatMessage> marked = new ArrayList<>(messages);
    String answer = unusedWord(messages);
    marked.set(last, ChatMessage.assistant(answer));
    String text = render(marked, true, guard::mark);
    int at = text.lastIndexOf(answer);
    return at < 0
        ? Optional.empty()
        : Optional.of(guard.encode(text.substring(at + answer.length())));
  }

  /** A word that no message holds. */
  private static String unusedWord(List<ChatMessage> messages) {
    String word = "answer";
    for (int i = 0; ; i++) {
      String candidate = word + i;
      if (messages.stream().noneMatch(message -> message.content().contains(candidate))) {
        return candidate;
      }
    }
  }

  /**
   * The conversation as tokens. BOS is there only where the template writes it. The contents never
   * become control tokens; roles are the program's own and are not guarded. Where no content holds
   * the text of a control token, the result is {@code tokenizer.encode(render(..), true)}.
   *
   * @param addGenerationPrompt whether the opening of the assistant's next turn follows
   * @throws IllegalArgumentException where the template refuses the conversation
   * @throws ModelFormatException where the template itself fails
   */
  public int[] encode(
      List<ChatMessage> messages, boolean addGenerationPrompt, Tokenizer tokenizer) {
    ControlGuard guard = guard(messages, tokenizer);
    return guard.encode(render(messages, addGenerationPrompt, guard::mark));
  }

  private ControlGuard guard(List<ChatMessage> messages, Tokenizer tokenizer) {
    StringBuilder all =
        new StringBuilder(source).append(bosToken).append(eosToken).append(arguments);
    messages.forEach(
        message -> all.append(message.role()).append(message.content()).append(message.more()));
    return new ControlGuard(tokenizer, ControlGuard.unusedMark(all));
  }
}
