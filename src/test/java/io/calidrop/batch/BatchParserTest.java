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
    return new BatchParser(true, DEFAULTS, Optional.empty()).parse(line, 7);
  }

  @Test
  void aPromptWithOverrides() {
    BatchRequest request =
        parse(
            "{\"id\":\"a\",\"prompt\":\"Hi\",\"max_tokens\":5,\"temperature\":0,\"top_p\":0.5,\"stop\":\"x\"}");
    assertThat(request.error()).isEmpty();
    assertThat(request.id()).isEqualTo("a");
    assertThat(request.messages()).containsExactly(ChatMessage.user("Hi"));
    assertThat(request.options().maxTokens()).isEqualTo(5);
    assertThat(request.options().sampling().temperature()).isZero();
    assertThat(request.options().sampling().topP()).isEqualTo(0.5);
    assertThat(request.options().stop()).containsExactly("x");
  }

  @Test
  void aLineHasTemplateArgumentsOfItsOwn() {
    assertThat(
            parse("{\"prompt\":\"Hi\",\"chat_template_kwargs\":{\"enable_thinking\":false}}")
                .templateArguments())
        .isEqualTo(Map.of("enable_thinking", false));
    assertThat(
            parse("{\"body\":{\"prompt\":\"Hi\",\"chat_template_kwargs\":{\"effort\":\"low\"}}}")
                .templateArguments())
        .isEqualTo(Map.of("effort", "low"));
    assertThat(parse("{\"prompt\":\"Hi\",\"chat_template_kwargs\":null}").templateArguments())
        .isEmpty();
    assertThat(parse("{\"prompt\":\"Hi\",\"chat_template_kwargs\":1}").error())
        .hasValue("template arguments are an object, not 1");
    assertThat(parse("{\"prompt\":\"Hi\",\"chat_template_kwargs\":{\"messages\":1}}").error())
        .get()
        .asString()
        .startsWith("messages is no template argument");
  }

  @Test
  void aLineOfAnOpenAiBatch() {
    BatchRequest request =
        parse(
            "{\"custom_id\":\"r-1\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":"
                + "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
                + "{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":9,\"seed\":4}}");
    assertThat(request.error()).isEmpty();
    assertThat(request.id()).isEqualTo("r-1");
    assertThat(request.messages())
        .containsExactly(ChatMessage.system("Be brief."), ChatMessage.user("Hi"));
    assertThat(request.options().maxTokens()).isEqualTo(9);
    assertThat(request.options().sampling().seed()).isEqualTo(4);
  }

  @Test
  void aSeedDependsOnTheIdAndNotOnThePlace() {
    BatchParser parser = new BatchParser(true, DEFAULTS, Optional.of("Be brief."));
    String line = "{\"id\":5,\"prompt\":\"Hi\"}";
    assertThat(parser.parse(line, 1).options()).isEqualTo(parser.parse(line, 9).options());
    assertThat(parser.parse(line, 1).messages()).startsWith(ChatMessage.system("Be brief."));
    assertThat(parser.parse(line.replace("5", "6"), 1).options())
        .isNotEqualTo(parser.parse(line, 1).options());
    assertThat(parser.parse("{\"prompt\":\"Hi\"}", 3).id()).isEqualTo("3");
    BatchParser text = new BatchParser(false, DEFAULTS, Optional.empty());
    assertThat(text.parse("{not json}", 2).messages())
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
