package io.calidrop.batch;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.IntNode;
import io.calidrop.batch.BatchOutput.Existing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BatchOutputTest {
  @TempDir private Path directory;

  private static Map<String, Object> result(String id, String error) {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("id", id);
    result.put("text", "Ünï\ncode");
    result.put("error", error);
    return result;
  }

  private void fill(Path file, Existing existing, String... ids) throws IOException {
    try (BatchOutput output = new BatchOutput(file, existing)) {
      for (String id : ids) {
        if (!output.had(BatchId.of(id))) {
          output.add(result(id, id.startsWith("bad") ? "wrong" : null));
        }
      }
    }
  }

  @Test
  void tornAnywhereItIsRepairedAndNothingIsDoubled() throws IOException {
    Path file = directory.resolve("out.jsonl");
    fill(file, Existing.REFUSE, "a", "bad", "c");
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length <= whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      fill(file, Existing.RESUME, "a", "bad", "c");
      assertThat(Files.readAllBytes(file)).as("%d bytes", length).isEqualTo(whole);
    }
    try (BatchOutput output = new BatchOutput(file, Existing.RESUME)) {
      assertThat(output.count()).isEqualTo(3);
      assertThat(output.failed()).isEqualTo(1);
      assertThatThrownBy(() -> new BatchOutput(file, Existing.RESUME))
          .hasMessageContaining("being written by another process");
    }
  }

  @Test
  void whatIsThereIsNotOverwrittenUnlessAsked() throws IOException {
    Path file = directory.resolve("out.jsonl");
    fill(file, Existing.REFUSE, "a");
    assertThatThrownBy(() -> fill(file, Existing.REFUSE, "b"))
        .hasMessageContaining("--resume goes on with it, --force replaces it");
    fill(file, Existing.REPLACE, "b");
    assertThat(Files.readString(file)).contains("\"b\"").doesNotContain("\"a\"");
    Files.writeString(file, "something else\n");
    assertThatThrownBy(() -> fill(file, Existing.RESUME, "b"))
        .hasMessageContaining("line 1, is no result of a batch");
    assertThat(Files.readString(file)).isEqualTo("something else\n");
    Files.writeString(file, "notes without an end");
    assertThatThrownBy(() -> fill(file, Existing.RESUME, "b"))
        .hasMessageContaining("line 1, is no result of a batch");
    assertThat(Files.readString(file)).isEqualTo("notes without an end");
  }

  /** Row 4 of the cases: failed lines are tried again, and there is one result an id. */
  @Test
  void whatFailedIsTriedAgain() throws IOException {
    Path file = directory.resolve("out.jsonl");
    fill(file, Existing.REFUSE, "a", "bad", "c");
    Files.writeString(file, "{\"id\":\"to", StandardOpenOption.APPEND);
    try (BatchOutput output = new BatchOutput(file, Existing.RETRY)) {
      assertThat(output.had(BatchId.of("bad"))).isFalse();
      assertThat(output.had(BatchId.of("a"))).isTrue();
      assertThat(output.count()).isEqualTo(2);
      assertThat(output.failed()).isZero();
      assertThatThrownBy(() -> new BatchOutput(file, Existing.RETRY))
          .hasMessageContaining("being written by another process");
      output.add(result("bad", null));
    }
    List<String> lines = Files.readAllLines(file);
    assertThat(lines).hasSize(3);
    assertThat(lines.getFirst()).startsWith("{\"id\":\"a\"");
    assertThat(lines.getLast()).startsWith("{\"id\":\"bad\"").endsWith("\"error\":null}");
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files).containsExactly(file);
    }
    fill(directory.resolve("new.jsonl"), Existing.RETRY, "a");
    assertThat(directory.resolve("new.jsonl")).exists();
  }

  /** Killed before the errors are out, all is there; killed after, only errors are missing. */
  @Test
  void anInterruptedRetryLosesNothing() throws IOException {
    Path file = directory.resolve("out.jsonl");
    fill(file, Existing.REFUSE, "a", "bad", "c");
    byte[] whole = Files.readAllBytes(file);
    Files.writeString(directory.resolve("out.jsonl.retry"), "left by a killed process");
    fill(file, Existing.RESUME, "a", "bad", "c");
    assertThat(Files.readAllBytes(file)).isEqualTo(whole);
    new BatchOutput(file, Existing.RETRY).close();
    fill(file, Existing.RESUME, "a", "bad", "c");
    assertThat(Files.readAllLines(file))
        .containsExactlyInAnyOrderElementsOf(new String(whole, UTF_8).lines().toList());
  }

  /** Row 1 of the cases: 7 and "7" are two ids; row 2: results may have been edited elsewhere. */
  @Test
  void anIdKeepsItsTypeAndAMarkIsSkipped() throws IOException {
    Path file = directory.resolve("out.jsonl");
    Files.writeString(file, "\ufeff{\"id\":7,\"error\":null}\r\n");
    try (BatchOutput output = new BatchOutput(file, Existing.RESUME)) {
      assertThat(output.had(new BatchId(IntNode.valueOf(7)))).isTrue();
      assertThat(output.had(BatchId.of("7"))).isFalse();
    }
    Files.writeString(file, "{\"id\":{},\"error\":null}\n");
    assertThatThrownBy(() -> new BatchOutput(file, Existing.RESUME))
        .hasMessageContaining("is no result of a batch");
  }
}
