package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.AnsweringModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A chat as it is typed, where lines cannot be edited. */
class ChatTest {
  @TempDir private Path directory;

  private static Outcome chat(String typed, String... args) {
    return chat(AnsweringModel.file(), typed, args);
  }

  private static Outcome chat(Path model, String typed, String... args) {
    List<String> all = new ArrayList<>(List.of("chat", "--temp", "0", "--model", model.toString()));
    all.addAll(List.of(args));
    return Outcome.of(typed, true, all.toArray(String[]::new));
  }

  @Test
  void everyCommandAnswersOnStderr() throws IOException {
    Path saved = directory.resolve("saved.chat");
    Path text = Files.writeString(directory.resolve("a.txt"), "What is the capital");
    Outcome outcome =
        chat(
            String.join(
                "\n",
                "/stats",
                "/undo",
                "/regen",
                "/system Answer briefly.",
                "/system",
                "/read " + text + " of France?",
                "/stats",
                "/save " + saved,
                "/clear",
                "/load " + saved,
                "/undo",
                "\"\"\"What is the capital",
                "of France?\"\"\"",
                "/regen",
                "/set n 3",
                "/set nonsense 1",
                "/set top-p 7",
                "/set seed",
                "/show",
                "/kv",
                "/save",
                "/load " + text,
                "/read absent.txt",
                "/bye",
                "not sent"),
            "-n",
            "12",
            "--budget",
            "64");
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.out().lines()).hasSize(3).allMatch(line -> line.contains("Paris"));
    assertThat(outcome.err())
        .contains(
            "no answer yet",
            "there is nothing to take back",
            "\n> there is no answer yet\n",
            "system message set",
            "Answer briefly.",
            "saved 3 messages",
            "forgot 2 messages",
            "loaded 3 messages",
            "took the last turn back",
            "n 3",
            "there is no option nonsense",
            "top-p is 7.0, allowed",
            "/set seed needs a value",
            "cache    f16, 64 rows a head",
            "layer  0 [",
            "kept a head",
            "/save needs the name of a file",
            "a.txt is no conversation",
            "absent.txt does not exist");
    assertThat(outcome.err().lines().filter(line -> line.contains("[load "))).hasSize(4);
  }

  /** Row 14. */
  @Test
  void onlyALoneWordAfterASlashIsACommand() {
    Outcome outcome =
        chat(
            String.join(
                "\n",
                "/etc/hosts: what is it?",
                "\"\"\"/etc/hosts: what is it?\"\"\"",
                "\"\"\"/bye means what?\"\"\"",
                "\"\"\"/bye",
                "means what?\"\"\"",
                "/usr is what?",
                "/1/2: how much is it?",
                "/byebye",
                "/bye",
                "not sent"),
            "-n",
            "2");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.err().lines().filter(line -> line.contains("[load "))).hasSize(5);
    assertThat(outcome.err().lines().filter(line -> line.contains("unknown command")))
        .hasSize(2)
        .allMatch(
            line -> line.endsWith("/help lists them, \"\"\" before and after makes it a message"));
  }

  @Test
  void exitLeavesAndHelpNamesEveryCommand() {
    Outcome outcome = chat("/help\n/exit\nnot sent", "-q");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.err()).contains(ChatCommands.names());
  }

  @Test
  void aConversationOutgrowsItsContext() {
    String typed = "Tell me a long story about the sea and a ship.\n".repeat(8);
    Path model = AnsweringModel.endless();
    Outcome outcome = chat(model, typed, "-n", "80", "--ctx", "400");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.err())
        .contains("the cache is full: from here on the oldest tokens are folded")
        .doesNotContain("more than the context");
    assertThat(outcome.out().lines().filter(line -> !line.isBlank()).count())
        .isGreaterThanOrEqualTo(8);

    Outcome stopped = chat(model, typed, "-n", "80", "--ctx", "400", "--on-full", "stop");
    assertThat(stopped.code()).isZero();
    assertThat(stopped.err()).contains("more than the context of 400");
    Outcome refused = chat("", "--on-full", "stop", "--budget", "64");
    assertThat(refused.code()).isEqualTo(ExitCode.USAGE);
    assertThat(refused.err()).contains("--on-full stop is for a cache without a budget");
    Outcome small = chat("", "--ctx", "200");
    assertThat(small.code()).isEqualTo(ExitCode.USAGE);
    assertThat(small.err()).contains("too small to evict from").hasLineCount(1);
  }
}
