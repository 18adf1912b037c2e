package io.calidrop.download;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DownloaderTest {
  private static final int SIZE = 300_000;
  private static final int CUT = 100_000;

  @TempDir Path directory;
  private byte[] content;
  private FileServer server;
  private Path target;
  private Path part;

  @BeforeEach
  void start() throws IOException {
    content = gguf(1);
    server = new FileServer(content);
    target = directory.resolve("store").resolve("model.gguf");
    part = target.resolveSibling("model.gguf.part");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void downloadsAllOfAFile() throws IOException {
    download(null);
    assertThat(target).hasBinaryContent(content);
    assertThat(stored()).containsExactly("model.gguf");
    assertThat(server.requests().getFirst()).doesNotContainKeys("Range", "Authorization");
  }

  @Test
  void acceptsTheRightChecksumInEitherCase() throws Exception {
    String sha256 =
        HexFormat.of()
            .withUpperCase()
            .formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    download(sha256);
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void deletesAFileWithAWrongChecksum() throws IOException {
    assertThatThrownBy(() -> download("00".repeat(32)))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("corrupt")
        .hasMessageContaining("00".repeat(32));
    assertThat(stored()).isEmpty();
  }

  @Test
  void keepsACutDownloadAndSaysToRunAgain() throws IOException {
    cut();
    assertThat(part).hasBinaryContent(Arrays.copyOf(content, CUT));
    assertThat(target).doesNotExist();
  }

  @Test
  void resumesACutDownload() throws IOException {
    cut();
    download(null);
    assertThat(server.requests().getLast().getFirst("Range")).isEqualTo("bytes=" + CUT + "-");
    assertThat(server.requests().getLast().getFirst("If-Range")).isEqualTo(server.etag);
    assertThat(target).hasBinaryContent(content);
    assertThat(stored()).containsExactly("model.gguf");
  }

  @Test
  void countsTheEarlierAttemptAsProgress() throws IOException {
    cut();
    List<Long> done = new ArrayList<>();
    new Downloader(new Network(Proxies.NONE))
        .download(
            server.uri("/m"),
            target,
            null,
            null,
            (name, bytes, total) -> {
              assertThat(name).isEqualTo("model.gguf");
              assertThat(total).isEqualTo(SIZE);
              done.add(bytes);
            });
    assertThat(done).isSorted().startsWith((long) CUT).endsWith((long) SIZE);
  }

  @Test
  void startsAgainWhereTheServerIgnoresRange() throws IOException {
    cut();
    server.ranges = false;
    download(null);
    assertThat(server.requests().getLast().getFirst("Range")).isNotNull();
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void startsAgainWhereTheFileHasChanged() throws IOException {
    cut();
    server.content = gguf(2);
    server.etag = "\"two\"";
    download(null);
    assertThat(target).hasBinaryContent(server.content);
    assertThat(stored()).containsExactly("model.gguf");
  }

  @Test
  void startsAgainWhereTheChangedFileIsShorter() throws IOException {
    cut();
    server.content = Arrays.copyOf(gguf(3), CUT / 2);
    server.etag = "\"three\"";
    download(null);
    assertThat(target).hasBinaryContent(server.content);
  }

  @Test
  void doesNotResumeWithoutAnEntityTag() throws IOException {
    server.etag = null;
    cut();
    download(null);
    assertThat(server.requests().getLast()).doesNotContainKey("Range");
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void startsAgainAfterTheServerRefusedARange() throws IOException {
    cut();
    server.content = Arrays.copyOf(content, CUT);
    assertThatThrownBy(() -> download(null))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("try again");
    download(null);
    assertThat(target).hasBinaryContent(server.content);
  }

  @Test
  void refusesAPartFromElsewhereThanAskedFor() throws IOException {
    cut();
    server.on(
        "/odd",
        exchange -> {
          exchange.getResponseHeaders().set("Content-Range", "bytes 0-" + (SIZE - 1) + "/" + SIZE);
          FileServer.reply(exchange, 206, content);
        });
    assertThatThrownBy(
            () ->
                new Downloader(new Network(Proxies.NONE))
                    .download(server.uri("/odd"), target, null, null, ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class);
    assertThat(target).doesNotExist();
    download(null);
    assertThat(target).hasBinaryContent(content);
  }

  @ParameterizedTest
  @CsvSource({"404, check the name", "403, HF_TOKEN", "401, HF_TOKEN", "500, HTTP status 500"})
  void namesTheAddressAndStatusOfAnError(int status, String hint) throws IOException {
    server.text("/gone", status, "<html>no</html>");
    assertThatThrownBy(
            () ->
                new Downloader(new Network(Proxies.NONE))
                    .download(server.uri("/gone"), target, null, null, ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining(server.uri("/gone").toString())
        .hasMessageContaining(Integer.toString(status))
        .hasMessageContaining(hint)
        .message()
        .hasLineCount(1);
    assertThat(stored()).isEmpty();
  }

  @Test
  void keepsThePartWhenTheServerAnswersAnError() throws IOException {
    cut();
    server.text("/busy", 503, "later");
    assertThatThrownBy(
            () ->
                new Downloader(new Network(Proxies.NONE))
                    .download(server.uri("/busy"), target, null, null, ProgressListener.NONE))
        .hasMessageContaining("503");
    assertThat(part).hasSize(CUT);
  }

  @Test
  void refusesAWebPage() throws IOException {
    server.content = "<!doctype html><title>Sign in</title>".getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> download(null))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("no GGUF file");
    assertThat(stored()).isEmpty();
  }

  @Test
  void refusesAnEmptyBody() throws IOException {
    server.text("/empty", 200, "");
    assertThatThrownBy(
            () ->
                new Downloader(new Network(Proxies.NONE))
                    .download(server.uri("/empty"), target, null, null, ProgressListener.NONE))
        .hasMessageContaining("no GGUF file");
    assertThat(stored()).isEmpty();
  }

  @Test
  void followsARedirect() throws IOException {
    server.redirect("/moved", server.uri("/m"));
    new Downloader(new Network(Proxies.NONE))
        .download(server.uri("/moved"), target, null, null, ProgressListener.NONE);
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void sendsTheTokenToTheServerButNotWhereItRedirects() throws IOException {
    try (FileServer other = new FileServer(content)) {
      server.redirect("/moved", other.uri("/m"));
      new Downloader(new Network(Proxies.NONE))
          .download(server.uri("/moved"), target, "secret", null, ProgressListener.NONE);
      assertThat(server.requests().getFirst().getFirst("Authorization")).isEqualTo("Bearer secret");
      assertThat(other.requests()).hasSize(1);
      assertThat(other.requests().getFirst()).doesNotContainKey("Authorization");
    }
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void saysThatAServerCannotBeReached() {
    server.close();
    assertThatThrownBy(() -> download(null))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("cannot reach " + server.uri("/m"))
        .message()
        .hasLineCount(1);
  }

  @Test
  void progressNeverGoesBackAndEndsWithTheWhole() throws IOException {
    List<Long> done = Collections.synchronizedList(new ArrayList<>());
    new Downloader(new Network(Proxies.NONE))
        .download(server.uri("/m"), target, null, null, (name, bytes, total) -> done.add(bytes));
    assertThat(done).isSorted().startsWith(0L).endsWith((long) SIZE);
  }

  @Test
  void pullRefusesAFileThatIsThereUnlessForced() throws IOException {
    ModelStore store = new ModelStore(target.getParent());
    Files.createDirectories(target.getParent());
    Files.writeString(target, "old");
    ModelSource source =
        ModelSource.parse(server.uri("/x/model.gguf?download=true").toString(), "");
    assertThatThrownBy(() -> store.pull(source, null, null, false, ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining(target.toString())
        .hasMessageContaining("--force");
    assertThat(target).hasContent("old");
    assertThat(server.requests()).isEmpty();

    assertThat(store.pull(source, null, null, true, ProgressListener.NONE)).isEqualTo(target);
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void aForcedPullThatFailsKeepsTheOldFile() throws IOException {
    ModelStore store = new ModelStore(target.getParent());
    Files.createDirectories(target.getParent());
    Files.writeString(target, "old");
    ModelSource source = ModelSource.parse(server.uri("/model.gguf").toString(), "");
    assertThatThrownBy(() -> store.pull(source, null, "ab".repeat(32), true, ProgressListener.NONE))
        .hasMessageContaining("corrupt");
    assertThat(stored()).containsExactly("model.gguf");
    assertThat(target).hasContent("old");
  }

  /** Row 10 of the cases: a server that stops in the middle and says nothing. */
  @Test
  void aServerThatFallsSilentIsLeftAndResumed() throws IOException {
    server.cutAt = CUT;
    Downloader impatient = new Downloader(new Network(Proxies.NONE, Duration.ofSeconds(2)));
    assertThatThrownBy(
            () -> impatient.download(server.uri("/m"), target, null, null, ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("nothing came for")
        .hasMessageContaining("after " + CUT)
        .hasMessageContaining("run the same command");
    assertThat(stored()).containsExactly("model.gguf.part", "model.gguf.part.etag");
    server.read.countDown();
    server.cutAt = -1;
    download(null);
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void aServerThatNeverAnswersIsLeft() {
    server.on(
        "/silent",
        exchange -> {
          try {
            server.read.await(5, TimeUnit.MINUTES);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
    Downloader impatient = new Downloader(new Network(Proxies.NONE, Duration.ofMillis(300)));
    assertThatThrownBy(() -> impatient.text(server.uri("/silent")))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("cannot reach " + server.uri("/silent"));
    server.read.countDown();
  }

  /** Row 10 of the cases: one writer a file, and a lock that a killed process does not leave. */
  @Test
  void anotherProcessIsRefusedUntilTheFirstOneEnds() throws IOException, InterruptedException {
    server.cutAt = CUT;
    Process first =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules",
                "jdk.incubator.vector",
                "-cp",
                System.getProperty("java.class.path"),
                "io.calidrop.cli.Main",
                "pull",
                server.uri("/model.gguf").toString(),
                "--models-dir",
                target.getParent().toString())
            .inheritIO()
            .start();
    for (int i = 0; i < 3600 && !(Files.exists(part) && Files.size(part) == CUT); i++) {
      assertThat(first.isAlive()).isTrue();
      Thread.sleep(50);
    }
    assertThatThrownBy(() -> download(null))
        .isInstanceOf(ModelStoreException.class)
        .hasMessage(target + " is being downloaded by another process");
    assertThat(part).hasBinaryContent(Arrays.copyOf(content, CUT));
    first.destroyForcibly().waitFor();
    server.read.countDown();
    server.cutAt = -1;
    download(null);
    assertThat(target).hasBinaryContent(content);
    assertThat(stored()).containsExactly("model.gguf");
  }

  @Test
  void aFileIsClaimedOnceAndLeavesNothing() throws IOException {
    Files.createDirectories(target.getParent());
    FileClaim claim = FileClaim.of(target, false);
    assertThatThrownBy(() -> download(null)).hasMessageContaining("another process");
    assertThatThrownBy(() -> FileClaim.of(target, true)).hasMessageContaining("another process");
    claim.close();
    assertThat(stored()).isEmpty();
  }

  @Test
  void refusesAPartOfAFileThatHasChangedMeanwhile() throws IOException {
    cut();
    server.on(
        "/changed",
        exchange -> {
          exchange.getResponseHeaders().set("ETag", "\"two\"");
          exchange
              .getResponseHeaders()
              .set("Content-Range", "bytes %d-%d/%d".formatted(CUT, SIZE - 1, SIZE));
          FileServer.reply(exchange, 206, new byte[SIZE - CUT]);
        });
    assertThatThrownBy(
            () ->
                new Downloader(new Network(Proxies.NONE))
                    .download(server.uri("/changed"), target, null, null, ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("has changed");
    download(null);
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void aPartThatEndsBeforeTheFileIsNotAllOfIt() throws IOException {
    cut();
    server.on(
        "/less",
        exchange -> {
          exchange
              .getResponseHeaders()
              .set("Content-Range", "bytes %d-%d/%d".formatted(CUT, CUT + 99, SIZE));
          FileServer.reply(exchange, 206, Arrays.copyOfRange(content, CUT, CUT + 100));
        });
    assertThatThrownBy(
            () ->
                new Downloader(new Network(Proxies.NONE))
                    .download(server.uri("/less"), target, null, null, ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("after %d of %d".formatted(CUT + 100, SIZE));
    assertThat(target).doesNotExist();
    download(null);
    assertThat(target).hasBinaryContent(content);
  }

  private void download(String sha256) throws IOException {
    new Downloader(new Network(Proxies.NONE))
        .download(server.uri("/m"), target, null, sha256, ProgressListener.NONE);
  }

  /** Lets a download end after CUT bytes. */
  private void cut() {
    server.cutAt = CUT;
    assertThatThrownBy(
            () ->
                new Downloader(new Network(Proxies.NONE))
                    .download(
                        server.uri("/m"),
                        target,
                        null,
                        null,
                        (name, done, total) -> {
                          if (done == CUT) {
                            server.read.countDown();
                          }
                        }))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("ended after " + CUT)
        .hasMessageContaining("run the same command");
    server.cutAt = -1;
  }

  private List<String> stored() throws IOException {
    try (Stream<Path> files = Files.list(target.getParent())) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static byte[] gguf(long seed) {
    byte[] bytes = new byte[SIZE];
    new Random(seed).nextBytes(bytes);
    System.arraycopy("GGUF".getBytes(StandardCharsets.US_ASCII), 0, bytes, 0, 4);
    return bytes;
  }
}
