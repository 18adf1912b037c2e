package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.AnsweringModel;
import io.calidrop.Processes;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The server as a user starts and ends it. */
class ServeTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--host 0.0.0.0 | --host 0.0.0.0 lets other machines in: give --api-key, or --no-api-key",
        "--host 0.0.0.0 --api-key= | --host 0.0.0.0 lets other machines in",
        "--api-key k --no-api-key | a key and --no-api-key exclude each other",
        "--parallel 0 | at least 1 generation at a time",
        "--port 70000 | a port is a number up to 65535, not 70000",
        "--policy h2o | --policy needs a budget"
      })
  void whatCannotBeServedIsRefused(String options, String message) {
    String model = AnsweringModel.file().toString();
    Outcome outcome = Outcome.of("", false, ("serve --model " + model + " " + options).split(" "));
    assertThat(outcome.code()).isEqualTo(ExitCode.USAGE);
    assertThat(outcome.err()).startsWith("calidrop: " + message).hasLineCount(1);
  }

  @Test
  void itAnswersUntilItIsToldToEnd() throws Exception {
    List<String> args =
        List.of("serve", "--port", "0", "--model", AnsweringModel.file().toString(), "--temp", "0");
    Process process =
        new ProcessBuilder(Processes.command(args)).redirectOutput(Redirect.DISCARD).start();
    try (BufferedReader err = process.errorReader();
        HttpClient client = HttpClient.newHttpClient()) {
      String line = err.readLine();
      while (line.startsWith("WARNING: ")) {
        line = err.readLine(); // the JVM's, without the jar
      }
      assertThat(line).matches("listening at http://127.0.0.1:\\d+/v1");
      URI uri = URI.create(line.substring(line.indexOf("http")) + "/chat/completions");
      String body = "{\"messages\":[{\"role\":\"user\",\"content\":\"Where?\"}]}";
      HttpResponse<String> answer =
          client.send(
              HttpRequest.newBuilder(uri).POST(HttpRequest.BodyPublishers.ofString(body)).build(),
              BodyHandlers.ofString());
      assertThat(answer.body()).contains(AnsweringModel.ANSWER);
      client.shutdownNow();
      process.toHandle().destroy(); // SIGTERM, and its streams stay open
      assertThat(err.readLine()).isEqualTo("ending; answers under way have 30 s");
      assertThat(err.readLine()).isNull();
      assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void otherCommandsLoadNothingOfIt() throws IOException, InterruptedException {
    Path classes = directory.resolve("classes.txt");
    List<String> args =
        List.of("run", "-p", "Where?", "--temp", "0", "--model", AnsweringModel.file().toString());
    Process process =
        new ProcessBuilder(Processes.command(args, "-Xlog:class+load:file=" + classes))
            .redirectOutput(Redirect.DISCARD)
            .redirectError(Redirect.DISCARD)
            .redirectInput(Redirect.from(Files.createFile(directory.resolve("empty")).toFile()))
            .start();
    assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isZero();
    assertThat(Files.readString(classes))
        .contains("io.calidrop.generate.Engine")
        .doesNotContain("org.eclipse.jetty", "io.micrometer", "io.calidrop.serve.Server ");
  }
}
