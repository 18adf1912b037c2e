package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A template of the user's, and what it is given, in each command that answers. */
class TemplateFlagsTest {
  private static final String FRANCE = "ask=\"What is the capital of France?\"";
  private static final String ITALY = "ask=\"What is the capital of Italy?\"";

  @TempDir private Path directory;
  private Path template;

  @BeforeEach
  void writeTemplate() throws IOException {
    template =
        Files.writeString(
            directory.resolve("own.jinja"),
            """
            {%- if ask is not defined %}{{ raise_exception('what to ask?') }}{% endif %}
            {{- '<|im_start|>user\\n' + ask + '<|im_end|>\\n<|im_start|>assistant\\n' }}
            """);
  }

  private Outcome outcome(String typed, String... args) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of("--temp", "0", "-n", "12", "--model", TestData.smolLm2().toString()));
    all.addAll(List.of("--chat-template", template.toString()));
    return Outcome.of(typed, true, all.toArray(String[]::new));
  }

  @Test
  void run() {
    Outcome answered =
        outcome("", "run", "-p", "x", "--template-arg", ITALY, "--template-arg", FRANCE);
    assertThat(answered.out()).as(answered.err()).contains("Paris");
    Outcome refused = outcome("", "run", "-p", "x");
    assertThat(refused.code()).isEqualTo(ExitCode.ERROR);
    assertThat(refused.err())
        .contains("the chat template " + template + " refuses the conversation: what to ask?");
  }

  @Test
  void chat() {
    Outcome outcome =
        outcome(
            "x\n/set template-arg\n/set template-arg ask=low\n/set template-arg messages=1\n"
                + "/set template-arg "
                + FRANCE
                + "\nx\n/set template-arg "
                + ITALY
                + "\nx\n/show\n",
            "chat");
    assertThat(outcome.out()).as(outcome.err()).contains("Paris", "Rome");
    assertThat(outcome.err())
        .contains(
            "refuses the conversation: what to ask?",
            "/set template-arg needs a value",
            "the value of ask is no JSON: low",
            "messages is no template argument",
            "template arguments {ask=What is the capital of France?}\n",
            "of Italy?}; the next turn computes the conversation anew",
            "template {ask=What is the capital of Italy?}");
  }

  @Test
  void batch() throws IOException {
    Path in =
        Files.writeString(
            directory.resolve("in.jsonl"),
            "{\"prompt\":\"x\"}\n{\"prompt\":\"x\",\"chat_template_kwargs\":{"
                + ITALY.replace("ask", "\"ask\"").replace('=', ':')
                + "}}\n");
    Path out = directory.resolve("out.jsonl");
    Outcome outcome =
        outcome(
            "", "batch", "--in", in.toString(), "--out", out.toString(), "--template-arg", FRANCE);
    assertThat(outcome.code()).as(outcome.err()).isZero();
    List<String> results = Files.readAllLines(out);
    assertThat(results.get(0)).contains("Paris");
    assertThat(results.get(1)).contains("Rome");
  }

  @Test
  void aTemplateThatIsNoneIsNamedWithItsPlace() throws IOException {
    Files.writeString(template, "{% if true %}\n  {% nosuch %}");
    Outcome broken = outcome("", "run", "-p", "x");
    assertThat(broken.code()).isEqualTo(ExitCode.ERROR);
    assertThat(broken.err())
        .contains("the chat template " + template + " fails in line 2, column 6: unknown tag");
    Files.delete(template);
    assertThat(outcome("", "run", "-p", "x").err()).contains("own.jinja does not exist");
  }
}
