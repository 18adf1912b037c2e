package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.constraint.CallForm;
import io.calidrop.constraint.ConstraintState;
import io.calidrop.constraint.JsonCalls;
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

  /** As the template of GLM-4.6 does. */
  private static final String GLM =
      """
      {%- if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}
      {%- for m in messages %}<{{ m.role }}>{{ m.content }}
      {%- for c in m.tool_calls or [] %}
      {{- '\n<tool_call>' + c.function.name }}
      {%- for k, v in c.function.arguments | items %}
      {{- '\n<arg_key>' + k + '</arg_key>\n<arg_value>' }}
      {{- (v if v is string else v | tojson) + '</arg_value>' }}
      {%- endfor %}
      {{- '\n</tool_call>' }}
      {%- endfor %}</>{% endfor %}""";

  /** As the template of MiniMax-M2 does: all calls within one mark. */
  private static final String MINIMAX =
      """
      {%- if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}
      {%- for m in messages %}<{{ m.role }}>{{ m.content }}
      {%- if m.tool_calls %}{{- '\n<minimax:tool_call>\n' }}
      {%- for c in m.tool_calls %}
      {{- '<invoke name="' + c.function.name + '">\n' }}
      {%- for k, v in c.function.arguments | items %}
      {{- '<parameter name="' + k + '">' }}
      {{- (v if v is string else v | tojson) + '</parameter>\n' }}
      {%- endfor %}
      {{- '</invoke>\n' }}
      {%- endfor %}
      {{- '</minimax:tool_call>' }}{% endif %}</>{% endfor %}""";

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

  /** Forms, a template of each and a call. */
  private enum Written {
    TAGS(
        ToolPromptTest.TAGS,
        "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>"),
    PARAMETERS(
        ToolPromptTest.PARAMETERS,
        "<tool_call>\n<function=weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>"),
    GLM(
        ToolPromptTest.GLM,
        "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n</tool_call>"),
    GLM_ON_ONE_LINE(
        ToolPromptTest.GLM.replace("\n<", "<"),
        "<tool_call>weather<arg_key>city</arg_key><arg_value>Paris</arg_value></tool_call>"),
    MINIMAX(
        ToolPromptTest.MINIMAX,
        "<minimax:tool_call>\n<invoke name=\"weather\">\n<parameter name=\"city\">Paris</parameter>\n</invoke>\n</minimax:tool_call>"),
    LIST(
        ToolPromptTest.LIST,
        "[TOOL_CALLS][{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}]"),
    NAMED(ToolPromptTest.NAMED, "[TOOL_CALLS]weather[ARGS]{\"city\": \"Paris\"}"),
    OBJECT(ToolPromptTest.OBJECT, "{\"name\": \"weather\", \"parameters\": {\"city\": \"Paris\"}}");

    private final String source;
    private final String call;

    Written(String source, String call) {
      this.source = source;
      this.call = call;
    }

    /** The form that the template has. */
    private boolean is(CallForm form) {
      return form instanceof JsonCalls json
          ? json.name().equals(name())
          : this == PARAMETERS || name().startsWith("GLM") || this == MINIMAX;
    }
  }

  private static boolean allows(ToolPrompt prompt, String text) {
    return allows(prompt, text, TOKENIZER);
  }

  private static boolean allows(ToolPrompt prompt, String text, ByteTokens tokenizer) {
    ConstraintState state =
        prompt.options(GenerationOptions.defaults()).constraint().get().begin(tokenizer);
    for (int token : tokenizer.encode(text, true)) {
      if (!state.allows(token)) {
        return false;
      }
      state.accept(token);
    }
    return state.isComplete();
  }

  private static ToolAnswer read(ToolPrompt prompt, String text) {
    return read(prompt, text, TOKENIZER);
  }

  private static ToolAnswer read(ToolPrompt prompt, String text, ByteTokens tokenizer) {
    int[] tokens = tokenizer.encode(text, true);
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
    return prompt.read(result, tokenizer);
  }

  @ParameterizedTest
  @EnumSource
  void theFormIsTheTemplates(Written form) throws Exception {
    ToolPrompt prompt = prompt(form.source, tools(true, true));
    assertThat(form.is(prompt.form())).as("%s", prompt.form()).isTrue();
    assertThat(prompt.template().render(prompt.messages(), true)).contains("weather", "Rain");
    assertThat(allows(prompt, form.call)).isTrue();
    assertThat(allows(prompt, form.call.replace("city", "town"))).isFalse();
    assertThat(allows(prompt, form.call.replace("weather", "climate"))).isFalse();
    assertThat(allows(prompt, "It rains.")).isFalse();
  }

  @ParameterizedTest
  @EnumSource
  void whereNoCallIsRequiredThereMayBeAText(Written form) throws Exception {
    ToolPrompt prompt = prompt(form.source, tools(false, false));
    assertThat(allows(prompt, "It rains.")).isTrue();
    assertThat(allows(prompt, "")).isTrue();
    assertThat(allows(prompt, form.call)).isTrue();
    assertThat(allows(prompt, form.call.replace("city", "town"))).isFalse();
    String after = form == Written.OBJECT ? "" : "Let me see.\n";
    assertThat(allows(prompt, after + form.call)).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void callsAreRead(Written form) throws Exception {
    ToolPrompt prompt = prompt(form.source, tools(false, true));
    ToolAnswer answer = read(prompt, form.call);
    assertThat(answer.text()).isEmpty();
    assertThat(answer.calls()).hasSize(1);
    ToolCall call = answer.calls().getFirst();
    assertThat(call.name()).isEqualTo("weather");
    assertThat(call.arguments()).isEqualTo("{\"city\":\"Paris\"}");
    assertThat(call.id()).matches("[a-z0-9]{9}");
    assertThat(read(prompt, "It rains.")).isEqualTo(new ToolAnswer("It rains.", List.of()));
    String cut = form.call.substring(0, form.call.length() - 30);
    assertThat(read(prompt, cut).calls()).isEmpty();
  }

  @Test
  void severalCallsAreSeveral() throws Exception {
    ToolPrompt prompt = prompt(TAGS, tools(true, true));
    String two = Written.TAGS.call + "\n" + Written.TAGS.call;
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

  @ParameterizedTest
  @EnumSource(names = {"PARAMETERS", "GLM", "GLM_ON_ONE_LINE", "MINIMAX"})
  void whatTheTemplateWritesOfEarlierCallsIsReadAsTheseCalls(Written form) throws Exception {
    Map<String, JsonNode> schemas = new LinkedHashMap<>();
    ObjectMapper json = new ObjectMapper();
    schemas.put("weather", json.readTree(EVERYTHING));
    schemas.put(
        "weather_now",
        json.readTree("{\"properties\":{\"mode\":{\"type\":\"string\",\"enum\":[\"a\",\"ab\"]}}}"));
    Tools tools = tools(false, true);
    Tools two = new Tools(tools.definitions(), schemas, false, Optional.empty(), true);
    Map<String, Object> arguments = new LinkedHashMap<>();
    arguments.put("text", "two\nlines of <b>text</b> ü");
    arguments.put("list", List.of(1, 2));
    List<Map<String, Object>> calls =
        List.of(
            written("weather_now", Map.of()),
            written("weather", arguments),
            written("weather_now", Map.of("mode", "ab")));
    ToolPrompt prompt = prompt(form.source, two);
    ChatMessage answer = new ChatMessage("assistant", "Yes.", Map.of("tool_calls", calls));
    String history = prompt.template().render(List.of(answer), false);
    String text = history.substring(history.indexOf("Yes."), history.indexOf("</>"));
    // Tags may be control tokens or plain text.
    for (ByteTokens tokenizer :
        List.of(
            TOKENIZER,
            new ByteTokens("<|end|>", "<tool_call>", "</tool_call>", "<arg_key>", "</arg_value>"),
            new ByteTokens("<|end|>", "<minimax:tool_call>", "</minimax:tool_call>"))) {
      assertThat(allows(prompt, text, tokenizer)).isTrue();
      ToolAnswer read = read(prompt, text, tokenizer);
      assertThat(read.text()).isEqualTo("Yes.");
      assertThat(read.calls())
          .extracting(ToolCall::name)
          .containsExactly("weather_now", "weather", "weather_now");
      assertThat(read.calls())
          .extracting(ToolCall::arguments)
          .containsExactly(
              "{}",
              "{\"text\":\"two\\nlines of <b>text</b> ü\",\"list\":[1,2]}",
              "{\"mode\":\"ab\"}");
    }
    assertThat(allows(prompt(form.source, tools(false, false)), text)).isFalse();
    assertThat(allows(prompt, text.replace("ab", "abc"))).isFalse();
    assertThat(allows(prompt, text.replace("weather_now", "weather_then"))).isFalse();
  }

  @Test
  void whatEndsAValueMayStandInAStringOfJson() throws Exception {
    ToolPrompt prompt =
        prompt(
            GLM,
            tools(true, false, "{\"properties\":{\"city\":{\"anyOf\":[{\"type\":\"string\"}]}}}"));
    String call = Written.GLM.call.replace("Paris", "\"</arg_value> </arg_value>\"");
    assertThat(allows(prompt, call)).isTrue();
    assertThat(read(prompt, call).calls())
        .extracting(ToolCall::arguments)
        .containsExactly("{\"city\":\"</arg_value> </arg_value>\"}");
    assertThat(read(prompt, call.replace(" </arg_value>\"", "")).calls()).isEmpty();
  }

  private static Map<String, Object> written(String name, Map<String, Object> arguments) {
    return Map.of("id", "c1", "function", Map.of("name", name, "arguments", arguments));
  }

  /** Whether a value is text is said beside it: a form that cannot be learned from texts alone. */
  @Test
  void aFormThatWritesTextsAndNumbersDifferentlyIsRefused() throws Exception {
    String source =
        MINIMAX.replace("k + '\">'", "k + '\" text=\"' + (v is string) | string + '\">'");
    Tools tools = tools(false, true);
    assertThatThrownBy(() -> prompt(source, tools))
        .hasMessageContaining("calls in a form that is not supported");
    String nested = GLM.replace("'\n<tool_call>'", "'<calls><tool_call>'");
    assertThatThrownBy(() -> prompt(nested, tools))
        .hasMessageContaining("calls in a form that is not supported");
  }

  @Test
  void callsOfNamesMayHaveIds() throws Exception {
    String with = Written.NAMED.call.replace("[ARGS]", "[CALL_ID]a1B2c3D4e[ARGS]");
    for (String source : List.of(NAMED, NAMED.replace("[CALL_ID]{{ c.id }}", ""))) {
      ToolPrompt prompt = prompt(source, tools(true, true));
      assertThat(prompt.form()).isEqualTo(JsonCalls.NAMED);
      String two = with + Written.NAMED.call;
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
    assertThat(allows(prompt, Written.TAGS.call)).isTrue();
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
    ToolAnswer answer = read(prompt, "<tool_call> would help.</think>\n" + Written.TAGS.call);
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
  @EnumSource
  void aStreamHoldsCallsBackAndNothingElse(Written form) throws Exception {
    ToolPrompt prompt = prompt(form.source, tools(false, true));
    assertThat(String.join("", told(prompt, form.call))).isEmpty();
    assertThat(told(prompt, "It rains."))
        .containsExactly("I", "t", "", " r", "a", "i", "n", "s", ".", "");
    if (form != Written.OBJECT) {
      assertThat(told(prompt, "Let me see.\n" + form.call).subList(0, 11)).last().isEqualTo(".");
      assertThat(String.join("", told(prompt, "Let me see.\n" + form.call)))
          .isEqualTo("Let me see.");
    }
  }

  @Test
  void whatOnlyLooksLikeACallIsToldLater() throws Exception {
    ToolPrompt prompt = prompt(TAGS, tools(false, true));
    assertThat(told(prompt, "a <tool> b")).startsWith("a", "", "", "", "", "", "", " <tool>");
    assertThat(told(prompt, "a <tool")).endsWith("", " <tool");
    assertThat(told(prompt, "<tool_call>\n{\"name").getLast()).isEqualTo("<tool_call>\n{\"name");
    assertThat(String.join("", told(prompt, "<tool_call>?</think>\n" + Written.TAGS.call)))
        .isEqualTo("<tool_call>?</think>");
  }
}
