package io.calidrop.report;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultLogTest {
  private static final Map<String, Object> SETTINGS = Map.of("model", "abc");

  @TempDir private Path directory;
  private Path file;

  @BeforeEach
  void fill() throws IOException {
    file = directory.resolve("new").resolve("results.jsonl");
    ResultLog log = ResultLog.open(file, SETTINGS, false);
    log.add("one", Map.of("kl", 0.5));
    log.add("two", Map.of("errors", List.of(1, 2)));
  }

  @Test
  void goesOnFromWhatIsThere() throws IOException {
    ResultLog log = ResultLog.open(file, SETTINGS, true);
    assertThat(log.get("one")).contains(Map.of("kl", 0.5));
    assertThat(log.get("three")).isEmpty();
    log.add("three", Map.of("kl", 1));
    assertThat(log.get("three")).contains(Map.of("kl", 1));
    assertThat(ResultLog.open(file, SETTINGS, true).get("two"))
        .contains(Map.of("errors", List.of(1, 2)));
  }

  @Test
  void aTornLastLineIsDroppedWhereverItIsTorn() throws IOException {
    byte[] whole = Files.readAllBytes(file);
    int last = Files.readString(file).lastIndexOf("{\"key\"");
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      ResultLog log = ResultLog.open(file, SETTINGS, true);
      assertThat(log.get("one").isPresent()).as("%d bytes", length).isEqualTo(length >= last);
      assertThat(log.get("two")).isEmpty();
      if (log.get("one").isEmpty()) {
        log.add("one", Map.of("kl", 0.5));
      }
      log.add("two", Map.of("errors", List.of(1, 2)));
      assertThat(Files.readAllBytes(file)).isEqualTo(whole);
    }
  }

  /** Row 2 of the cases: a mark is skipped; a line may be torn within a character. */
  @Test
  void aMarkAndHalfACharacterAreNoDamage() throws IOException {
    byte[] whole = ("\ufeff" + Files.readString(file) + "{\"key\":\"é").getBytes(UTF_8);
    Files.write(file, Arrays.copyOf(whole, whole.length - 1));
    ResultLog log = ResultLog.open(file, SETTINGS, true);
    assertThat(log.get("two")).isPresent();
    assertThat(Files.readString(file)).endsWith("]}\n");
  }

  @Test
  void takesInWhatOthersOfTheSameSettingsHold() throws IOException {
    Path mine = directory.resolve("mine.jsonl");
    ResultLog log = ResultLog.open(mine, SETTINGS, false);
    log.add("one", Map.of("kl", 7));
    log.include(file, SETTINGS);
    log.include(file, SETTINGS);
    assertThat(log.get("one")).contains(Map.of("kl", 7));
    assertThat(ResultLog.open(mine, SETTINGS, true).get("two"))
        .contains(Map.of("errors", List.of(1, 2)));
    assertThat(Files.readAllLines(mine)).hasSize(3);
    assertThatThrownBy(() -> log.include(file, Map.of("model", "xyz")))
        .hasMessageContaining("written with other settings");
  }

  @Test
  void refusesOtherSettingsAndDamage() throws IOException {
    assertThatThrownBy(() -> ResultLog.open(file, SETTINGS, false))
        .hasMessageContaining("--resume goes on");
    assertThatThrownBy(() -> ResultLog.open(file, Map.of("model", "xyz"), true))
        .hasMessageContaining("written with other settings");
    Files.writeString(file, "nonsense\n{}\n", StandardOpenOption.APPEND);
    assertThatThrownBy(() -> ResultLog.open(file, SETTINGS, true))
        .hasMessageContaining("line 4, is damaged");
  }
}
