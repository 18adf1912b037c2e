package io.calidrop.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.generate.ChatMessage;
import io.calidrop.generate.GenerationOptions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BatchParserTest {
  private static final GenerationOptions DEFAULTS = GenerationOptions.defaults();

  private static BatchRequest parse(String line) {
    return new BatchParser(DEFAULTS, Optional.empty()).json(line, 7);
  }

  @Test
  void aPromptWithOverrides() {
    BatchRequest request =
        parse(
            "{\"id\":\"a\",\"prompt\":\"Hi\",\"max_tokens\":5,\"temperature\":0,\"top_p\":0.5,\"stop\":\"x\"}");
    assertThat(request.error()).isEmpty();
    assertThat(request.id().text()).isEqualTo("a");
    assertThat(request.body().messages()).containsExactly(ChatMessage.user("Hi"));
    assertThat(request.body().options().maxTokens()).isEqualTo(5);
    assertThat(request.body().options().sampling().temperature()).isZero();
    assertThat(request.body().options().sampling().topP()).isEqualTo(0.5);
    assertThat(request.body().options().stop()).containsExactly("x");
  }

  @Test
  void aLineHasTemplateArgumentsOfItsOwn() {
    assertThat(
            parse("{\"prompt\":\"Hi\",\"chat_template_kwargs\":{\"enable_thinking\":false}}")
                .body()
                .templateArguments())
        .isEqualTo(Map.of("enable_thinking", false));
    assertThat(
            parse(
                    "{\"body\":{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"chat_template_kwargs\":{\"effort\":\"low\"}}}")
                .body()
                .templateArguments())
        .isEqualTo(Map.of("effort", "low"));
    assertThat(
            parse("{\"prompt\":\"Hi\",\"chat_template_kwargs\":null}").body().templateArguments())
        .isEmpty();
    assertThat(parse("{\"prompt\":\"Hi\",\"chat_template_kwargs\":1}").error())
        .hasValue("chat_template_kwargs: template arguments are an object, not 1");
    assertThat(parse("{\"prompt\":\"Hi\",\"chat_template_kwargs\":{\"messages\":1}}").error())
        .get()
        .asString()
        .startsWith("chat_template_kwargs: messages is no template argument");
  }

  @Test
  void aLineOfAnOpenAiBatch() {
    BatchRequest request =
        parse(
            "{\"custom_id\":\"r-1\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":"
                + "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
                + "{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":9,\"seed\":4}}");
    assertThat(request.error()).isEmpty();
    assertThat(request.id().text()).isEqualTo("r-1");
    assertThat(request.body().messages())
        .containsExactly(ChatMessage.system("Be brief."), ChatMessage.user("Hi"));
    assertThat(request.body().options().maxTokens()).isEqualTo(9);
    assertThat(request.body().options().sampling().seed()).isEqualTo(4);
  }

  @Test
  void aSeedDependsOnTheIdAndNotOnThePlace() {
    BatchParser parser = new BatchParser(DEFAULTS, Optional.of("Be brief."));
    String line = "{\"id\":5,\"prompt\":\"Hi\"}";
    assertThat(parser.json(line, 1).body().options())
        .isEqualTo(parser.json(line, 9).body().options());
    assertThat(parser.json(line, 1).body().messages()).startsWith(ChatMessage.system("Be brief."));
    assertThat(parser.json(line.replace("5", "6"), 1).body().options())
        .isNotEqualTo(parser.json(line, 1).body().options());
    assertThat(parser.json("{\"prompt\":\"Hi\"}", 3).id().text()).isEqualTo("3");
    BatchParser text = new BatchParser(DEFAULTS, Optional.empty());
    assertThat(text.text("{not json}", 2).body().messages())
        .containsExactly(ChatMessage.user("{not json}"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"prompt\":\"torn",
        "[]",
        "{} {}",
        "{\"id\":\"a\"}",
        "{\"prompt\":5}",
        "{\"id\":[1],\"prompt\":\"x\"}",
        "{\"id\":true,\"prompt\":\"x\"}",
        "{\"id\":1.5,\"prompt\":\"x\"}",
        "{\"id\":\"\\ud800\",\"prompt\":\"x\"}",
        "{\"id\":\"a\",\"custom_id\":\"b\",\"prompt\":\"x\"}",
        "{\"prompt\":\"x\",\"prompt\":\"y\"}",
        "{\"prompt\":\"x\",\"url\":\"/v1/completions\"}",
        "{\"body\":{\"prompt\":\"x\"},\"seed\":1}",
        "{\"body\":{\"prompt\":\"x\"},\"url\":\"/v1/embeddings\"}",
        "{\"body\":{\"prompt\":\"x\"},\"url\":\"/v1/chat/completions\"}",
        "{\"body\":{\"prompt\":\"x\"},\"method\":\"GET\"}",
        "{\"body\":[]}",
        "{\"prompt\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"y\"}]}",
        "{\"messages\":[]}",
        "{\"messages\":[{\"role\":\"robot\",\"content\":\"y\"}]}",
        "{\"prompt\":\"x\",\"temprature\":1}",
        "{\"prompt\":\"x\",\"temperature\":\"hot\"}",
        "{\"prompt\":\"x\",\"temperature\":-3}",
        "{\"prompt\":\"x\",\"max_tokens\":1.5}",
        "{\"prompt\":\"x\",\"top_k\":99999999999}"
      })
  void aWrongLineSaysWhy(String line) {
    BatchRequest request = parse(line);
    assertThat(request.error()).as(line).isPresent();
    assertThat(request.error().get()).isNotBlank().doesNotContain("\n");
  }

  /** Row 1 of the cases: the URL decides, and without one what the body holds. */
  @Test
  void aCompletionIsContinued() {
    String prompt = "{\"custom_id\":\"c\",%s\"body\":{\"prompt\":\"Once upon\"}}";
    for (String url : List.of("", "\"url\":\"/v1/completions\",", "\"url\":null,")) {
      BatchParser parser = new BatchParser(DEFAULTS, Optional.of("Be brief."));
      BatchRequest request = parser.json(prompt.formatted(url), 1);
      assertThat(request.error()).isEmpty();
      assertThat(request.body().text()).contains("Once upon");
      assertThat(request.body().messages()).isEmpty();
    }
  }

  /** Row 1 of the cases: an id keeps its type. */
  @Test
  void anIdIsATextOrAWholeNumber() {
    assertThat(parse("{\"id\":7,\"prompt\":\"x\"}").id()).hasToString("7");
    assertThat(parse("{\"id\":\"7\",\"prompt\":\"x\"}").id()).hasToString("\"7\"");
    assertThat(parse("{\"id\":123456789012345678901234,\"prompt\":\"x\"}").id())
        .hasToString("123456789012345678901234");
    assertThat(parse("{\"id\":null,\"custom_id\":\"c\",\"prompt\":\"x\"}").id())
        .hasToString("\"c\"");
    assertThat(parse("{\"id\":{},\"prompt\":\"x\"}").error())
        .contains("id: {} is neither a text nor a whole number");
    IdSet ids = new IdSet();
    assertThat(ids.add(parse("{\"id\":7,\"prompt\":\"x\"}").id())).isTrue();
    assertThat(ids.add(parse("{\"id\":\"7\",\"prompt\":\"x\"}").id())).isTrue();
    assertThat(ids.add(parse("{\"id\":7,\"prompt\":\"y\"}").id())).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"1/1,10", "1/3,4", "2/3,3", "3/3,3", "4/4,2"})
  void shardsDivideTheLines(String text, long share) {
    Shard shard = Shard.parse(text);
    assertThat(shard.share(10)).isEqualTo(share);
    assertThat(IntStream.range(0, 10).filter(shard::holds).count()).isEqualTo(share);
  }

  @Test
  void aShardIsAPartOfAWhole() {
    for (String text : List.of("0/3", "4/3", "1", "1/2/3", "a/b", "1/0")) {
      assertThatThrownBy(() -> Shard.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }
  }
}
