package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.gguf.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Published templates against what Hugging Face's own renderer made of them. */
class ChatTemplateReferenceTest {
  private static final Path TEMPLATES = Path.of("..", "shared", "templates");
  private static final String CASES = ".cases.json";

  @TestFactory
  Stream<DynamicTest> rendersExactly() throws IOException {
    assumeTrue(Files.isDirectory(TEMPLATES), "no reference templates in " + TEMPLATES);
    List<DynamicTest> tests = new ArrayList<>();
    try (Stream<Path> files = Files.walk(TEMPLATES)) {
      for (Path file : files.filter(f -> f.toString().endsWith(CASES)).sorted().toList()) {
        tests.addAll(tests(file));
      }
    }
    assertThat(tests).isNotEmpty();
    return tests.stream();
  }

  private static List<DynamicTest> tests(Path cases) throws IOException {
    String name = cases.getFileName().toString().replace(CASES, "");
    String source = Files.readString(cases.resolveSibling(name + ".jinja"));
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonNode c : new ObjectMapper().readTree(cases.toFile())) {
      boolean prompt = c.get("add_generation_prompt").asBoolean();
      tests.add(
          DynamicTest.dynamicTest(
              name + " " + c.get("name").asText() + (prompt ? " with prompt" : ""),
              () -> {
                Instant now = Instant.parse(c.get("strftime_now").asText() + "T12:00:00Z");
                ChatTemplate template =
                    new ChatTemplate(
                        source,
                        c.get("bos_token").asText(),
                        c.get("eos_token").asText(),
                        Clock.fixed(now, ZoneOffset.UTC));
                List<ChatMessage> messages = new ArrayList<>();
                for (JsonNode m : c.get("messages")) {
                  messages.add(new ChatMessage(m.get("role").asText(), m.get("content").asText()));
                }
                if (c.has("error")) {
                  assertThatThrownBy(() -> template.render(messages, prompt))
                      .isInstanceOf(ModelFormatException.class);
                } else {
                  assertThat(template.render(messages, prompt))
                      .isEqualTo(c.get("expected").asText());
                }
              }));
    }
    return tests;
  }
}
