package io.calidrop.batch;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.batch.BatchOutput.Existing;
import io.calidrop.fuzz.Fuzz;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.text.Utf8Lines;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged batch files and results: every line becomes a request or an error, and no other exception
 * than {@link IOException} ends the reading.
 */
class BatchFuzzTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final String LINES =
      """
      {"id":"a","prompt":"Hi","max_tokens":3,"temperature":0.5,"stop":["x","y"],"seed":-17}
      {"id":7,"messages":[{"role":"developer","content":"é"},{"role":"user","content":[{"type":"text","text":"u"}]}]}
      {"custom_id":"b","method":"POST","url":"/v1/chat/completions","body":{"messages":[{"role":"user","content":"x"}],"n":1,"tools":[]}}
      {"custom_id":"c","url":"/v1/completions","body":{"prompt":"Once","logit_bias":{},"response_format":{"type":"text"},"user":null}}
      {"id":null,"prompt":"\\ud83d\\ude00 😀","top_p":1e-3,"chat_template_kwargs":{"a":[1,{"b":null}]}}
      """;

  private static final String RESULTS =
      """
      {"id":"a","text":"Hü","finish_reason":"stop","usage":{"prompt_tokens":3},"seed":5,"error":null}
      {"id":7,"text":null,"finish_reason":"error","error":"no"}
      {"id":"c","text":"x\\n","timings":{"prompt_seconds":0.1},"error":null}
      """;

  private static final List<String> PIECES =
      List.of(
          "null",
          "-0",
          "1e999",
          "99999999999999999999",
          "[]",
          "{}",
          "\"\"",
          "\\u0000",
          "\\ud800",
          "\n",
          "\r\n",
          "\ufeff",
          "\"id\":",
          ",",
          ":",
          "[".repeat(2000),
          "\"n\":2,",
          "true");

  @TempDir private Path directory;

  /** A damaged text, with pieces put in that mean something. */
  private static byte[] mutated(String text, Random random) {
    byte[] bytes = Fuzz.mutated(text.getBytes(StandardCharsets.UTF_8), random);
    for (int n = random.nextInt(4); n > 0; n--) {
      byte[] piece = PIECES.get(random.nextInt(PIECES.size())).getBytes(StandardCharsets.UTF_8);
      int at = random.nextInt(bytes.length + 1);
      ByteBuffer joined = ByteBuffer.allocate(bytes.length + piece.length);
      bytes = joined.put(bytes, 0, at).put(piece).put(bytes, at, bytes.length - at).array();
    }
    return bytes;
  }

  private static void readLines(byte[] bytes) throws IOException {
    BatchParser parser = new BatchParser(GenerationOptions.defaults(), Optional.of("Be brief."));
    Utf8Lines lines = new Utf8Lines(new ByteArrayInputStream(bytes), "in");
    try (BatchInput input = new BatchInput(lines, Optional.of(LineKind.JSON), parser)) {
      for (BatchRequest request = input.next(Shard.ALL);
          request != null;
          request = input.next(Shard.ALL)) {
        if (request.error().isPresent()) {
          assertThat(request.error().get()).isNotBlank().hasLineCount(1).hasSizeLessThan(1000);
        } else {
          assertThat(request.body().messages().isEmpty())
              .isEqualTo(request.body().text().isPresent());
        }
        // An id is the same when it is read again, or a resumed batch would answer it again.
        String result = JSON.writeValueAsString(Map.of("id", request.id().value()));
        byte[] stored = result.getBytes(StandardCharsets.UTF_8);
        assertThat(StoredResult.of(new String(stored, StandardCharsets.UTF_8)).orElseThrow().id())
            .isEqualTo(request.id());
      }
    }
  }

  @Test
  void damagedLinesAreErrorsOfTheirOwn() {
    Fuzz.seeds()
        .forEach(
            seed ->
                Fuzz.check(
                    seed,
                    mutated(LINES, new Random(seed)),
                    Set.of(),
                    bytes -> {
                      try {
                        readLines(bytes);
                      } catch (IOException e) {
                        assertThat(e).hasMessageStartingWith("in is ");
                      }
                    }));
  }

  /** What is in a file of results as long as it is one. */
  private static Set<BatchId> ids(Path file) throws IOException {
    Set<BatchId> ids = new HashSet<>();
    try (Utf8Lines lines = new Utf8Lines(file)) {
      for (String line = lines.next(); line != null; line = lines.next()) {
        ids.add(StoredResult.of(line).orElseThrow().id());
      }
    }
    return ids;
  }

  private static void resume(Path file, Existing existing) throws IOException {
    BatchId id = BatchId.of("new");
    try (BatchOutput output = new BatchOutput(file, existing)) {
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("id", id.value());
      output.add(result);
      assertThat(output.failed()).isLessThanOrEqualTo(output.count());
    }
    assertThat(ids(file)).contains(id);
  }

  @Test
  void damagedResultsAreGoneOnWithOrRefused() {
    Path file = directory.resolve("results.jsonl");
    Fuzz.seeds()
        .forEach(
            seed -> {
              Random random = new Random(seed);
              byte[] results = mutated(RESULTS, random);
              Existing existing = random.nextBoolean() ? Existing.RESUME : Existing.RETRY;
              Fuzz.check(seed, results, Set.of(), bytes -> resume(file, bytes, existing));
            });
  }

  private static void resume(Path file, byte[] bytes, Existing existing) throws IOException {
    Files.write(file, bytes);
    try {
      resume(file, existing);
    } catch (IOException e) {
      assertThat(e).hasMessageMatching("\\Q" + file + "\\E.* is (no|a text in) .*");
      assertThat(Files.readAllBytes(file))
          .as("refused, it keeps its whole lines")
          .isEqualTo(Arrays.copyOf(bytes, (int) Files.size(file)));
    }
  }
}
