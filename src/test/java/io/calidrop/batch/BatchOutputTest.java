package io.calidrop.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.batch.BatchOutput.Existing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
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
  }
}
