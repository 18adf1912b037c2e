package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.constraint.CallForm;
import io.calidrop.constraint.ConstraintState;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Functions in prompts, and the calls in answers, in the forms that templates write. */
class ToolPromptTest {
  private static final String PLAIN =
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}";

  private static final String TAGS =
      """
      {%- if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}
      {%- for m in messages %}<{{ m.role }}>{{ m.content }}
      {%- for c in m.tool_calls or [] %}
      <tool_call>
      {"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
      </tool_call>
      {%- endfor %}</>{% endfor %}""";

  /** The calls as the template of Qwen3-Coder-30B-A3B-Instruct writes them. */
  private static final String PARAMETERS =
      """
      {%- if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}
      {%- for m in messages %}<{{ m.role }}>{{ m.content }}
      {%- for c in m.tool_calls or [] %}
      {{- '\n<tool_call>\n<function=' + c.function.name + '>\n' }}
      {%- for k, v in c.function.arguments | items %}
      {{- '<parameter=' + k + '>\n' }}
      {{- v | tojson if v is mapping or (v is sequence and v is not string) else v | string }}
      {{- '\n</parameter>\n' }}
      {%- endfor %}
      {{- '</function>\n</tool_call>' }}
      {%- endfor %}</>{% endfor %}""";

  private static final String LIST =
      """
      {%- if tools is defined and tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}{% endif %}
      {%- for m in messages %}{% if m.tool_calls is defined %}[TOOL_CALLS][
      {%- for c in m.tool_calls %}{{ (c.function | tojson)[:-1] }}, "id": "{{ c.id }}"}{% endfor %}]
      {%- else %}<{{ m.role }}>{{ m.content }}</>{% endif %}{% endfor %}""";

  private static final String NAMED =
      """
      {%- if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}{% endif %}
      {%- for m in messages %}{% if 'tool_calls' in m %}{% for c in m.tool_calls %}[TOOL_CALLS]
      {{- c.function.name }}[CALL_ID]{{ c.id }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}
      {%- else %}<{{ m.role }}>{{ m.content }}</>{% endif %}{% endfor %}""";

  private static final String OBJECT =
      """
      {%- if tools %}{% for t in tools %}{{ t | tojson(indent=4) }}{% endfor %}{% endif %}
      {%- for m in messages %}{% if 'tool_calls' in m %}
      {%- set f = m.tool_calls[0].function %}{"name": "{{ f.name }}", "parameters": {{ f.arguments | tojson }}}
      {%- else %}<{{ m.role }}>{{ m.content }}</>{% endif %}{% endfor %}""";

  private static final ByteTokens TOKENIZER = new ByteTokens("<|end|>", "[TOOL_CALLS]");

  private static Tools tools(boolean required, boolean several) throws Exception {
    return tools(
        required,
        several,
        "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}");
  }

  private static Tools tools(boolean required, boolean several, String parameters)
      throws Exception {
    JsonNode schema = new ObjectMapper().readTree(parameters);
    Map<String, Object> function =
        Map.of("name", "weather", "description", "Of a <|end|> city", "parameters", Map.of());
    return new Tools(
        List.of(Map.of("type", "function", "function", function)),
        Map.of("weather", schema),
        required,
        Optional.empty(),
        several);
  }

  private static ToolPrompt prompt(String source, Tools tools) {
    ChatTemplate template = ChatTemplate.of(source, "", "");
    return ToolPrompt.of(template, List.of(ChatMessage.user("Rain in Paris?")), tools);
  }

  private static String source(CallForm form) {
    return switch (form) {
      case TAGS -> TAGS;
      case PARAMETERS -> PARAMETERS;
      case LIST -> LIST;
      case NAMED -> NAMED;
      case OBJECT -> OBJECT;
    };
  }

  private static String call(CallForm form) {
    String call = "{\"name\": \"weather\", \"%s\": {\"city\": \"Paris\"}}".formatted(form.key());
    return switch (form) {
      case TAGS -> "<tool_call>\n" + call + "\n</tool_call>";
      case PARAMETERS ->
          "<tool_call>\n<function=weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>";
      case LIST -> "[TOOL_CALLS][" + call + "]";
      case NAMED -> "[TOOL_CALLS]weather[ARGS]{\"city\": \"Paris\"}";
      case OBJECT -> call;
    };
  }

  private static boolean allows(ToolPrompt prompt, String text) {
    ConstraintState state =
        prompt.options(GenerationOptions.defaults()).constraint().get().begin(TOKENIZER);
    for (int token : TOKENIZER.encode(text, true)) {
      if (!state.allows(token)) {
        return false;
      }
      state.accept(token);
    }
    return state.isComplete();
  }

  private static ToolAnswer read(ToolPrompt prompt, String text) {
    int[] tokens = TOKENIZER.encode(text, true);
    GenerationResult result =
        new GenerationResult(
            text,
            tokens,
            StopReason.END_TOKEN,
            1,
            new GenerationResult.Timings(1, 0, 1, 1, 1, 1),
            1,
            1,
            0,
            0,
            new CacheStatistics(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ""));
    return prompt.read(result, TOKENIZER);
  }

  @ParameterizedTest
  @EnumSource(CallForm.class)
  void theFormIsTheTemplates(CallForm form) throws Exception {
    ToolPrompt prompt = prompt(source(form), tools(true, true));
    assertThat(prompt.form()).isEqualTo(form);
    assertThat(prompt.template().render(prompt.messages(), true)).contains("weather", "Rain");
    assertThat(allows(prompt, call(form))).isTrue();
    assertThat(allows(prompt, call(form).replace("city", "town"))).isFalse();
    assertThat(allows(prompt, call(form).replace("weather", "climate"))).isFalse();
    assertThat(allows(prompt, "It rains.")).isFalse();
  }

  @ParameterizedTest
  @EnumSource(CallForm.class)
  void whereNoCallIsRequiredThereMayBeAText(CallForm form) throws Exception {
    ToolPrompt prompt = prompt(source(form), tools(false, false));
    assertThat(allows(prompt, "It rains.")).isTrue();
    assertThat(allows(prompt, "")).isTrue();
    assertThat(allows(prompt, call(form))).isTrue();
    assertThat(allows(prompt, call(form).replace("city", "town"))).isFalse();
    String after = form == CallForm.OBJECT ? "" : "Let me see.\n";
    assertThat(allows(prompt, after + call(form))).isTrue();
  }

  @ParameterizedTest
  @EnumSource(CallForm.class)
  void callsAreRead(CallForm form) throws Exception {
    ToolPrompt prompt = prompt(source(form), tools(false, true));
    ToolAnswer answer = read(prompt, call(form));
    assertThat(answer.text()).isEmpty();
    assertThat(answer.calls()).hasSize(1);
    ToolCall call = answer.calls().getFirst();
    assertThat(call.name()).isEqualTo("weather");
    assertThat(call.arguments()).isEqualTo("{\"city\":\"Paris\"}");
    assertThat(call.id()).matches("[a-z0-9]{9}");
    assertThat(read(prompt, "It rains.")).isEqualTo(new ToolAnswer("It rains.", List.of()));
    String cut = call(form).substring(0, call(form).length() - 20);
    assertThat(read(prompt, cut).calls()).isEmpty();
  }

  @Test
  void severalCallsAreSeveral() throws Exception {
    ToolPrompt prompt = prompt(TAGS, tools(true, true));
    String two = call(CallForm.TAGS) + "\n" + call(CallForm.TAGS);
    assertThat(allows(prompt, two)).isTrue();
    assertThat(allows(prompt(TAGS, tools(true, false)), two)).isFalse();
    List<ToolCall> calls = read(prompt, "Both.\n" + two).calls();
    assertThat(calls).hasSize(2);
    assertThat(calls.get(0).id()).isNotEqualTo(calls.get(1).id());
    assertThat(read(prompt, "Both.\n" + two).text()).isEqualTo("Both.");
  }

  private static final String EVERYTHING =
      """
      {"type": "object", "required": ["text", "list"], "properties": {
        "text": {"type": "string", "description": "any"},
        "unit": {"type": "string", "enum": ["C", "F"]},
        "day": {"type": "string", "format": "date"},
        "rain": {"type": "boolean"},
        "list": {"type": "array", "items": {"$ref": "#/$defs/n"}},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
       "$defs": {"n": {"type": "integer"}}}""";

  private static String parameters(String... keysAndValues) {
    StringBuilder call = new StringBuilder("<tool_call>\n<function=weather>\n");
    for (int i = 0; i < keysAndValues.length; i += 2) {
      call.append("<parameter=%s>\n".formatted(keysAndValues[i]));
      call.append(keysAndValues[i + 1]).append("\n</parameter>\n");
    }
    return call.append("</function>\n</tool_call>").toString();
  }

  @Test
  void textsStandAsTheyAreAndOtherParametersAsJson() throws Exception {
    ToolPrompt prompt = prompt(PARAMETERS, tools(false, true, EVERYTHING));
    String text = "a \"b\"\n</parameter\n<tool_call>\n</function> ü";
    String all =
        parameters(
            "text",
            text,
            "unit",
            "F",
            "day",
            "\"2026-11-26\"",
            "rain",
            "true",
            "list",
            "[1, 2]",
            "maybe",
            "null");
    String few = parameters("text", "", "list", "[]", "maybe", "\"x\"");
    assertThat(allows(prompt, "Both.\n" + all + "\n" + few)).isTrue();
    List<ToolCall> calls = read(prompt, "Both.\n" + all + "\n" + few).calls();
    JsonNode first = new ObjectMapper().readTree(calls.get(0).arguments());
    assertThat(first.path("text").asText()).isEqualTo(text);
    assertThat(calls.get(0).arguments())
        .endsWith(
            "\"unit\":\"F\",\"day\":\"2026-11-26\",\"rain\":true,\"list\":[1,2],\"maybe\":null}");
    assertThat(calls.get(1).arguments()).isEqualTo("{\"text\":\"\",\"list\":[],\"maybe\":\"x\"}");
  }

  @Test
  void parametersThatDoNotFitAreRuledOut() throws Exception {
    ToolPrompt prompt = prompt(PARAMETERS, tools(true, false, EVERYTHING));
    assertThat(allows(prompt, parameters("text", "x", "list", "[]"))).isTrue();
    for (String wrong :
        List.of(
            parameters("list", "[]"), // a required one is missing
            parameters("text", "x"),
            parameters("text", "x", "unit", "K", "list", "[]"),
            parameters("text", "x", "day", "2026-11-26", "list", "[]"),
            parameters("text", "x", "rain", "True", "list", "[]"),
            parameters("text", "x", "list", "[1.5]"),
            parameters("text", "x", "list", "[]", "other", "1"),
            parameters("text", "x", "list", "[]", "maybe", "x"))) {
      assertThat(allows(prompt, wrong)).as(wrong).isFalse();
    }
    for (String schema :
        List.of(
            "{\"anyOf\":[{\"type\":\"object\"}]}",
            "{\"properties\":{\"a>b\":{\"type\":\"string\"}}}")) {
      ToolPrompt refused = prompt(PARAMETERS, tools(true, false, schema));
      assertThatThrownBy(() -> refused.options(GenerationOptions.defaults()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("not supported with this model's form of calls");
    }
  }

  @Test
  void whatTheTemplateWritesOfAnEarlierCallIsReadAsThatCall() throws Exception {
    ToolPrompt prompt = prompt(PARAMETERS, tools(false, true, EVERYTHING));
    Map<String, Object> arguments = new LinkedHashMap<>();
    arguments.put("text", "two\nlines");
    arguments.put("list", List.of(1, 2));
    Map<String, Object> call =
        Map.of("id", "c1", "function", Map.of("name", "weather", "arguments", arguments));
    ChatMessage answer = new ChatMessage("assistant", "Yes.", Map.of("tool_calls", List.of(call)));
    String written = prompt.template().render(List.of(answer), false);
    String text = written.substring(written.indexOf("Yes."), written.indexOf("</>"));
    assertThat(allows(prompt, text)).isTrue();
    assertThat(read(prompt, text).calls().getFirst().arguments())
        .isEqualTo("{\"text\":\"two\\nlines\",\"list\":[1,2]}");
  }

  @Test
  void callsOfNamesMayHaveIds() throws Exception {
    String with = call(CallForm.NAMED).replace("[ARGS]", "[CALL_ID]a1B2c3D4e[ARGS]");
    for (String source : List.of(NAMED, NAMED.replace("[CALL_ID]{{ c.id }}", ""))) {
      ToolPrompt prompt = prompt(source, tools(true, true));
      assertThat(prompt.form()).isEqualTo(CallForm.NAMED);
      String two = with + call(CallForm.NAMED);
      assertThat(allows(prompt, two)).isTrue();
      assertThat(allows(prompt(source, tools(true, false)), two)).isFalse();
      assertThat(allows(prompt, with.replace("a1B2", "a-B2"))).isFalse();
      assertThat(read(prompt, "Both. " + two).calls()).hasSize(2);
      assertThat(read(prompt, "Both. " + two).text()).isEqualTo("Both.");
    }
  }

  @Test
  void aTemplateWithoutToolsGetsASystemMessage() throws Exception {
    Map<String, Object> call =
        Map.of("id", "c1", "function", Map.of("name", "weather", "arguments", Map.of("city", "P")));
    List<ChatMessage> messages =
        List.of(
            ChatMessage.system("Be brief."),
            ChatMessage.user("Rain?"),
            new ChatMessage("assistant", "", Map.of("tool_calls", List.of(call))),
            new ChatMessage("tool", "no", Map.of("tool_call_id", "c1")));
    ToolPrompt prompt = ToolPrompt.of(ChatTemplate.of(PLAIN, "", ""), messages, tools(false, true));
    assertThat(prompt.template().render(prompt.messages(), false))
        .startsWith("<system>Be brief.\n\nYou may call")
        .contains("\"name\":\"weather\"")
        .endsWith(
            "<user>Rain?</><assistant><tool_call>\n{\"name\":\"weather\",\"arguments\":{\"city\":\"P\"}}\n"
                + "</tool_call></><user><tool_response>\nno\n</tool_response></>");
    assertThat(allows(prompt, call(CallForm.TAGS))).isTrue();
  }

  @Test
  void whatAToolSaysNeverBecomesAControlToken() throws Exception {
    ToolPrompt prompt = prompt(TAGS, tools(false, true));
    int[] tokens = prompt.template().encode(prompt.messages(), true, TOKENIZER);
    assertThat(tokens).doesNotContain(ByteTokens.END);
    assertThat(TOKENIZER.decode(tokens)).contains("Of a <|end|> city");
  }

  @ParameterizedTest
  @CsvSource({
    "<function={{ c.function.name }}>",
    "{{ c.function.name }}({{ c.function.arguments }})"
  })
  void anotherFormIsRefused(String form) throws Exception {
    String source = TAGS.replaceAll("(?s)<tool_call>.*</tool_call>", form.replace("{", "\\{"));
    Tools tools = tools(false, true);
    assertThatThrownBy(() -> prompt(source, tools))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("calls in a form that is not supported");
  }

  @Test
  void thoughtsCallNothing() throws Exception {
    ToolPrompt prompt = prompt(TAGS, tools(false, true));
    ToolAnswer answer = read(prompt, "<tool_call> would help.</think>\n" + call(CallForm.TAGS));
    assertThat(answer.calls()).hasSize(1);
    assertThat(answer.text()).isEqualTo("<tool_call> would help.</think>");
  }

  /** What of an answer is told with each of its tokens, and last what when it is whole. */
  private static List<String> told(ToolPrompt prompt, String text) {
    ToolStream stream = prompt.stream(TOKENIZER);
    int[] tokens = TOKENIZER.encode(text, true);
    List<String> told = new ArrayList<>();
    for (int token : tokens) {
      stream.sampled(token);
      told.add(stream.text(TOKENIZER.decode(new int[] {token})));
    }
    told.add(stream.rest(read(prompt, text)));
    return told;
  }

  @ParameterizedTest
  @EnumSource(CallForm.class)
  void aStreamHoldsCallsBackAndNothingElse(CallForm form) throws Exception {
    ToolPrompt prompt = prompt(source(form), tools(false, true));
    assertThat(String.join("", told(prompt, call(form)))).isEmpty();
    assertThat(told(prompt, "It rains."))
        .containsExactly("I", "t", "", " r", "a", "i", "n", "s", ".", "");
    if (form != CallForm.OBJECT) {
      assertThat(told(prompt, "Let me see.\n" + call(form)).subList(0, 11)).last().isEqualTo(".");
      assertThat(String.join("", told(prompt, "Let me see.\n" + call(form))))
          .isEqualTo("Let me see.");
    }
  }

  @Test
  void whatOnlyLooksLikeACallIsToldLater() throws Exception {
    ToolPrompt prompt = prompt(TAGS, tools(false, true));
    assertThat(told(prompt, "a <tool> b")).startsWith("a", "", "", "", "", "", "", " <tool>");
    assertThat(told(prompt, "a <tool")).endsWith("", " <tool");
    assertThat(told(prompt, "<tool_call>\n{\"name").getLast()).isEqualTo("<tool_call>\n{\"name");
    assertThat(String.join("", told(prompt, "<tool_call>?</think>\n" + call(CallForm.TAGS))))
        .isEqualTo("<tool_call>?</think>");
  }
}
