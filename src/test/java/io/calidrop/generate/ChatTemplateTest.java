package io.calidrop.generate;

import static io.calidrop.generate.ChatMessage.assistant;
import static io.calidrop.generate.ChatMessage.system;
import static io.calidrop.generate.ChatMessage.user;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.gguf.ModelFormatException;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateTest {
  private static final List<ChatMessage> CONVERSATION =
      List.of(system("Be brief."), user("Hi "), assistant("Hello"), user(" Bye\n"));

  private static String render(String source, ChatMessage... messages) {
    return ChatTemplate.of(source, "<s>", "</s>").render(List.of(messages), true);
  }

  @Test
  void fallsBackToChatMl() {
    ChatTemplate template =
        ChatTemplate.forModel(Optional.empty(), new ChunkTokenizer("<|im_start|>", "<|im_end|>"));
    String turns =
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <|im_end|>\n"
            + "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\n Bye\n<|im_end|>\n";
    assertThat(template.render(CONVERSATION, false)).isEqualTo(turns);
    assertThat(template.render(CONVERSATION, true)).isEqualTo(turns + "<|im_start|>assistant\n");
    assertThat(template.notice())
        .hasValue(
            "the model has no chat template; --raw continues the text without one;"
                + " the built-in template chatml stands in");
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      quoteCharacter = '`',
      value = {
        "<|im_start|> => chatml => <|im_start|>user\\nHi<|im_end|>\\n<|im_start|>assistant\\n",
        "<|start_header_id|> => llama3 => <|start_header_id|>user<|end_header_id|>\\n\\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n",
        "<|user|> => zephyr => <|user|>\\nHi</s>\\n<|assistant|>\\n",
        "[INST] => llama2 => [INST] Hi [/INST]"
      })
  void aTemplateThatCannotBeRenderedGivesWayToABuiltInOne(
      String mark, String name, String expected) {
    for (String broken : List.of("{% wat %}", "{{ messages[0].content | nonsense }}", "{% if %}")) {
      ChatTemplate template =
          ChatTemplate.forModel(Optional.of(mark + broken), new ChunkTokenizer("<s>", "</s>"));
      assertThat(template.render(List.of(user("Hi")), true))
          .isEqualTo(expected.replace("\\n", "\n"));
      assertThat(template.notice().orElseThrow())
          .contains("chat template fails in line 1", "the built-in template " + name)
          .doesNotContain("\n");
    }
  }

  @Test
  void builtInTemplatesWriteWholeConversations() {
    assertThat(
            ChatTemplate.of(BuiltInTemplate.LLAMA2.source(), "<s>", "</s>")
                .render(CONVERSATION, true))
        .isEqualTo(
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi  [/INST] Hello </s>"
                + "<s>[INST]  Bye\n [/INST]");
    assertThat(
            ChatTemplate.of(BuiltInTemplate.ZEPHYR.source(), "<s>", "</s>")
                .render(CONVERSATION, true))
        .isEqualTo(
            "<|system|>\nBe brief.</s>\n<|user|>\nHi </s>\n<|assistant|>\nHello</s>\n"
                + "<|user|>\n Bye\n</s>\n<|assistant|>\n");
    assertThat(
            ChatTemplate.of(BuiltInTemplate.LLAMA3.source(), "<s>", "</s>")
                .render(CONVERSATION, false))
        .isEqualTo(
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
                + "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
                + "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
                + "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>");
  }

  @Test
  void aTemplateThatOnlyRefusesStays() {
    String source =
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}<|im_start|>";
    ChatTemplate template =
        ChatTemplate.forModel(Optional.of(source), new ChunkTokenizer("<s>", "</s>"));
    assertThat(template.notice()).isEmpty();
    assertThat(template.render(List.of(user("Hi")), true)).isEqualTo("<|im_start|>");
  }

  @Test
  void saysThatThereIsNoTemplate() {
    assertThatThrownBy(
            () -> ChatTemplate.forModel(Optional.empty(), new ChunkTokenizer("<s>", "</s>")))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("no chat template")
        .hasMessageContaining("--raw");
  }

  @Test
  void takesTheTokensOfTheVocabulary() {
    ChunkTokenizer tokenizer = new ChunkTokenizer("<s>", "</s>");
    ChatTemplate template =
        ChatTemplate.forModel(Optional.of("{{ bos_token }}|{{ eos_token }}"), tokenizer);
    assertThat(template.render(List.of(), false)).isEqualTo("|</s>");
  }

  @Test
  void trimsBlocksAndTheBlanksBeforeThem() {
    String source =
        """
        {% for message in messages %}
          {% if message['role'] == 'user' %}
        [INST] {{ message['content'] | trim }} [/INST]
          {% else %}
        {{ message.content + eos_token }}
          {% endif %}
        {% endfor %}
        """;
    assertThat(render(source, user(" a "), assistant("b"))).isEqualTo("[INST] a [/INST]\nb</s>\n");
  }

  @Test
  void contentIsNeverATemplate() {
    String hostile = "{{ 1 + 1 }}{% if true %}x{% endif %}{# c #}\\n'\"<b>&";
    assertThat(render("{{ messages[0].content }}", user(hostile))).isEqualTo(hostile);
    assertThat(render("{{ '<' + messages[0]['content'] + '>' }}", user(hostile)))
        .isEqualTo("<" + hostile + ">");
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        "{{ 'y' if not nothing is defined else 'n' }} => y",
        "{{ 'y' if not bos_token is defined else 'n' }} => n",
        "{{ 'y' if not bos_token == eos_token else 'n' }} => y",
        "{{ 'y' if not (true and false) and not 1 in [2] else 'n' }} => y",
        "{{ 'y' if strftime_now is defined else 'n' }} => y",
        "{{ 'y' if messages[0].tool_calls is not defined else 'n' }} => y",
        "{% set ns = namespace(n=messages|length - 1) %}{{ ns.n }} => 1",
        "{% set ns = namespace(a='') %}{% for m in messages %}{% set ns.a = ns.a + m.role %}"
            + "{% endfor %}{{ ns.a }} => useruser",
        "{{ messages[1:][0].content }}{{ messages[-1].content }} => a.b.ca.b.c",
        "{{ messages[1].content.split('.')[-1] }} => c",
        "{{ messages[1].content.split('.', 1)[1] }} => b.c",
        "{{ messages[0].content.strip() }} => x Y",
        "{{ '__x_'.lstrip('_') }}{{ '__x_'.rstrip('_') }} => x___x",
        "{{ 'a b  c'.split()|length }} => 3",
        "{{ 'aXb'.upper() + 'aXb'.lower() + 'aXb c'.title() + 'aXb'.capitalize() }} => AXBaxbAxb CAxb",
        "{{ 'abc'.replace('b', '-') }}{{ 'abc'.find('c') }} => a-c2",
        "{{ 'y' if 'abc'.startswith('ab') and 'abc'.endswith('bc') else 'n' }} => y",
        "{{ messages[0].get('role') }}{{ messages[0].get('none', '-') }} => user-",
        "{% for k, v in messages[1].items() %}{{ k }}={{ v }};{% endfor %}"
            + " => role=user;content=a.b.c;",
        "{{ messages | map(attribute='role') | join(',') }} => user,user",
        "{% generation %}g{{ bos_token }}{% endgeneration %} => g<s>",
        "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }} => <1>"
      })
  void readsJinjaLikePython(String source, String expected) {
    assertThat(render(source, user(" x Y\n"), user("a.b.c"))).isEqualTo(expected);
  }

  @Test
  void givesItsArgumentsToTheTemplate() {
    ChatTemplate plain =
        ChatTemplate.of(
            "{{ think is defined }} {{ think }} {{ list }} {{ none is none }}", "<s>", "</s>");
    Map<String, Object> arguments = new HashMap<>();
    arguments.put("think", false);
    arguments.put("list", List.of(1L, 2.5, "x", Map.of("k", true)));
    ChatTemplate template = plain.withArguments(arguments);
    assertThat(template.render(List.of(), false))
        .isEqualTo("True False [1, 2.5, 'x', {'k': True}] True");
    assertThat(template.withArguments(Map.of("think", "low")).render(List.of(), false))
        .startsWith("True low [1,");
    assertThat(plain.render(List.of(), false)).startsWith("False  ");
    assertThat(plain.arguments()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"messages", "add_generation_prompt", "bos_token", "eos_token"})
  void argumentsDoNotReplaceTheConversation(String name) {
    ChatTemplate template = ChatTemplate.of("{{ bos_token }}", "<s>", "</s>");
    assertThatThrownBy(() -> template.withArguments(Map.of(name, "x")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(name + " is no template argument");
  }

  /** What comes after an answer does not depend on how the template takes the answer apart. */
  @Test
  void aTemplateThatKeepsReasoningOfTheLastTurnOnlyStillTellsWhatFollowsAnAnswer() {
    String source =
        """
        {%- set ns = namespace(last=0) %}
        {%- for m in messages if m.role == 'user' %}{% set ns.last = ns.last + 1 %}{% endfor %}
        {%- set seen = namespace(users=0) %}
        {%- for m in messages %}
            {%- set content = m.content %}
            {%- set reasoning = '' %}
            {%- if m.role == 'user' %}{% set seen.users = seen.users + 1 %}{% endif %}
            {%- if '</think>' in content %}
                {%- set reasoning = content.split('</think>')[0].split('<think>')[-1].strip('\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\n') %}
            {%- endif %}
            {{- '<s>' + m.role + ':' }}
            {%- if m.role == 'assistant' and seen.users == ns.last %}
                {{- '<think>' + reasoning + '</think>' }}
            {%- endif %}
            {{- content + '</s>' }}
        {%- endfor %}
        {%- if add_generation_prompt %}{{ '<s>assistant:<think>' }}{% endif %}""";
    ChunkTokenizer tokenizer = new ChunkTokenizer("<s>", "</s>");
    ChatTemplate template = ChatTemplate.of(source, "own.jinja", tokenizer);
    List<ChatMessage> messages =
        List.of(user("2+2?"), assistant("<think>\nadd\n</think>\n\n4"), user("3+3?"));
    assertThat(template.render(messages, false))
        .isEqualTo("<s>user:2+2?</s><s>assistant:4</s><s>user:3+3?</s>");
    int[] added = template.encodeAfterAnswer(messages, tokenizer).orElseThrow();
    assertThat(tokenizer.show(added)).isEqualTo("{1}{0}user:3+3?{1}{0}assistant:<think>");
  }

  @Test
  void aTemplateOfTheUsersIsNamedInItsErrors() {
    ChunkTokenizer tokenizer = new ChunkTokenizer("<s>", "</s>");
    assertThatThrownBy(() -> ChatTemplate.of("{% if %}", "own.jinja", tokenizer))
        .hasMessageStartingWith("the chat template own.jinja fails in line 1, column 7: ");
  }

  @Test
  void writesTheDateInEnglish() {
    Clock clock = Clock.fixed(Instant.parse("2024-07-26T23:30:00Z"), ZoneOffset.UTC);
    ChatTemplate template = new ChatTemplate("{{ strftime_now('%d %b %Y %H:%M') }}", "", "", clock);
    assertThat(template.render(List.of(), false)).isEqualTo("26 Jul 2024 23:30");
  }

  @Test
  void aRefusalIsTheTemplatesOwnSentence() {
    String source = "{{ raise_exception('System role\nnot supported') }}";
    assertThatThrownBy(() -> render(source, system("x")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the model's chat template refuses the conversation: System role not supported");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for m in messages %}{{ m }}",
        "{% endif %}",
        "{% nosuchtag %}",
        "{{ messages[ }}",
        "{{ nosuchfunction(1) }}",
        "{{ bos_token | nosuchfilter }}",
        "{{ 1 if bos_token is nosuchtest else 2 }}",
        "{{ bos_token.nosuchmethod() }}",
        "{{ bos_token.getBytes() }}",
        "{{ bos_token.getClass().forName('java.lang.Runtime') }}",
        "{{ messages[::0] }}"
      })
  void aTemplateThatFailsIsNamedInOneLine(String source) {
    assertThatThrownBy(() -> render(source, user("x")))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith("the model's chat template fails in line 1, column ")
        .message()
        .doesNotContain("\n");
  }
}
