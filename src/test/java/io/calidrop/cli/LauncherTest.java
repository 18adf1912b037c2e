package io.calidrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.calidrop.MicroModel;
import io.calidrop.bench.RandomModel;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The launcher as a process: what it is started with and where. */
@Timeout(600)
class LauncherTest {
  private static final String UNKNOWN = "calidrop: Unknown option: '--nope'";

  @TempDir private Path directory;
  private Launcher launcher;
  private Path model;

  @BeforeEach
  void install() throws IOException {
    assumeThat(new File("/bin/sh")).exists();
    launcher = new Launcher(directory.resolve("an inställation"));
    model = directory.resolve("modèle.gguf");
    Files.copy(MicroModel.file(), model);
  }

  private Launcher.Result run(String line, String... args)
      throws IOException, InterruptedException {
    return launcher.run(Map.of(), line, args);
  }

  @Test
  void linesOfSeveralProgramsInOneFileAreWhole() throws IOException, InterruptedException { // 5
    Path log = directory.resolve("all.log");
    String line =
        "{ echo before; $0 run --nope; $0 list --models-dir \"$1\"; $0 run --nope; echo after; } > \"$2\" 2>&1";
    run(line.replace("$0", "\"$0\""), directory.toString(), log.toString());
    assertThat(Files.readAllLines(log))
        .satisfiesExactly(
            l -> assertThat(l).isEqualTo("before"),
            l -> assertThat(l).startsWith(UNKNOWN),
            l -> assertThat(l).startsWith("name "),
            l -> assertThat(l).contains(model.toString()),
            l -> assertThat(l).startsWith(UNKNOWN),
            l -> assertThat(l).isEqualTo("after"));
  }

  @Test
  void aSocketTakesBothStreams() throws IOException, InterruptedException { // 5
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Process process =
          launcher
              .shell(
                  "exec 3<> \"/dev/tcp/127.0.0.1/$1\"; \"$0\" list --models-dir . >&3 2>&3; \"$0\" run --nope 2>&3",
                  Integer.toString(server.getLocalPort()))
              .start();
      try (Socket socket = server.accept()) {
        assertThat(new String(socket.getInputStream().readAllBytes(), UTF_8).lines())
            .hasSize(2)
            .last()
            .asString()
            .startsWith(UNKNOWN);
      }
      assertThat(process.waitFor()).isEqualTo(ExitCode.USAGE);
    }
  }

  @Test
  void closedDescriptorsAreWrittenIntoNoFile() throws IOException, InterruptedException { // 5
    Path made = directory.resolve("made.gguf");
    String[] args = {"bench", "make-model", "--shape", "tiny", "--type", "f32", made.toString()};
    assertThat(run("\"$0\" \"$@\" <&- >&- 2>&-", args).code()).isZero();
    Path expected = directory.resolve("expected.gguf");
    new RandomModel(RandomModel.Shape.STINY, RandomModel.Mix.F32).write(expected);
    assertThat(made).hasSameBinaryContentAs(expected);
    assertThat(run("\"$0\" run --nope 2>&-").code()).isEqualTo(ExitCode.USAGE);
    assertThat(run("\"$0\" list --models-dir / <&- 2>&1 >&-").out()).contains("no models in");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"LC_ALL=C", "LC_ALL=xx_XX.UTF-8", "LANG=xx_XX.UTF-8", "LC_MESSAGES=xx_XX", "A="})
  void lettersAreTheSameInEveryLocale(String locale) throws IOException, InterruptedException { // 6
    String[] variable = locale.split("=", -1);
    String[] args = {"tokenize", "-p", "Привет é", "-m", model.toString(), "--format", "csv"};
    Launcher.Result tokens = launcher.run(Map.of(variable[0], variable[1]), "\"$0\" \"$@\"", args);
    assertThat(tokens.code()).as(tokens.err()).isZero();
    assertThat(tokens.out()).isEqualTo(Outcome.of("", true, args).out());
  }

  @Test
  void aLoopKeepsItsLinesAndAnOpenPipeHangsNothing() throws IOException, InterruptedException { // 7
    Launcher.Result loop =
        run(
            "printf 'A\\nB\\n' | while read -r q; do \"$0\" tokenize -p \"$q\" -m \"$1\" > /dev/null; done",
            model.toString());
    assertThat(loop.err()).isEqualTo("1 tokens\n1 tokens\n");
    Process process =
        launcher
            .shell("\"$0\" tokenize -f \"$1\" -m \"$2\" > /dev/null", "pom.xml", model.toString())
            .start();
    assertThat(process.waitFor(180, TimeUnit.SECONDS)).as("with stdin open").isTrue();
    assertThat(process.exitValue()).isZero();
  }

  @Test
  void noFileTakesThePlaceOfAnArgument() throws IOException, InterruptedException { // 8
    Files.writeString(directory.resolve("words"), "--nope");
    assertThat(run("cd \"$1\"; \"$0\" @words", directory.toString()).err())
        .contains("no command @words;")
        .doesNotContain("nope");
  }

  @Test
  void anEmptyEnvironmentIsEnough() throws IOException, InterruptedException { // 9
    Launcher.Result result =
        run(
            "env -i PATH=/usr/bin:/bin JAVA_HOME=\"$JAVA_HOME\" \"$0\" list --models-dir \"$1\"",
            directory.toString());
    assertThat(result.err()).isEmpty();
    assertThat(result.out()).contains(model.toString());
  }

  @Test
  void itFindsItselfFromAnywhere() throws IOException, InterruptedException { // 9
    Path other = Files.createDirectories(directory.resolve("other").resolve("home"));
    Files.createSymbolicLink(other.resolve("link"), launcher.script());
    Files.createSymbolicLink(directory.resolve("home"), launcher.script().getParent());
    String list = "; cd \"$1\"; bash home/run.sh list; cd other; bash home/link list";
    Launcher.Result result = run("export CDPATH=.:other" + list, directory.toString());
    assertThat(result.err().lines())
        .hasSize(2)
        .allMatch(line -> line.startsWith("no models in " + directory))
        .allMatch(line -> line.contains("/models;"));
  }

  @Test
  void aFolderThatCannotBeWrittenIsUsedAsItIs() throws IOException, InterruptedException { // 9
    makeStale();
    Path target = launcher.jar().getParent();
    Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("r-xr-xr-x"));
    String user = Files.isWritable(target) ? "setpriv --reuid=65534 --clear-groups " : "";
    if (!user.isEmpty()) {
      assumeThat(new File("/usr/bin/setpriv")).as("root writes everywhere").exists();
      for (Path path = target; !path.equals(directory.getParent()); path = path.getParent()) {
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("r-xr-xr-x"));
      }
    }
    Launcher.Result result = run(user + "\"$0\" --version");
    assertThat(result.err())
        .contains("sources are newer than " + launcher.jar(), "cannot be written");
    assertThat(result.err()).doesNotContain("Building");
    if (user.isEmpty()) { // another one may not read the classes of the tests
      assertThat(result.code()).as(result.err()).isZero();
    }
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.setPosixFilePermissions(
        launcher.script().getParent(), PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @Test
  void mavenIsAskedOnlyForABuild() throws IOException, InterruptedException { // 9
    Map<String, String> path = Map.of("PATH", maven("mvn", "3.9.0") + ":/usr/bin:/bin");
    assertThat(launcher.run(path, "\"$0\" --version").code()).isZero();
    assertThat(directory.resolve("builds")).doesNotExist();
  }

  @Test
  void twoBuildsAreOneAndALockThatWasLeftHoldsNobody()
      throws IOException, InterruptedException { // 9
    Map<String, String> path = Map.of("PATH", maven("mvn", "3.9.0") + ":/usr/bin:/bin");
    makeStale();
    Files.createFile(launcher.jar().resolveSibling("build-lock"));
    Launcher.Result result = launcher.run(path, "\"$0\" --version & \"$0\" --version & wait; cat");
    assertThat(result.out().lines()).as(result.err()).hasSizeGreaterThanOrEqualTo(2);
    assertThat(result.err())
        .contains("Building calidrop ...", "Waiting for another build of calidrop ...");
    assertThat(Files.readAllLines(directory.resolve("builds"))).containsExactly("mvn");
  }

  @Test
  void theWrapperStandsInForAMavenThatIsTooOld() throws IOException, InterruptedException { // 9
    Map<String, String> path = Map.of("PATH", maven("mvn", "3.0.5") + ":/usr/bin:/bin");
    Files.copy(Path.of(maven("mvnw", "3.9.0"), "mvnw"), launcher.script().resolveSibling("mvnw"));
    launcher.script().resolveSibling("mvnw").toFile().setExecutable(true);
    makeStale();
    Launcher.Result result = launcher.run(path, "\"$0\" --version");
    assertThat(result.code()).as(result.err()).isZero();
    assertThat(Files.readAllLines(directory.resolve("builds"))).containsExactly("mvnw");
  }

  @Test
  void startsShareTheClassesThatWereKept() throws IOException, InterruptedException {
    launcher.pack();
    assertThat(run("\"$0\" --version").err()).isEqualTo("Building calidrop ...\n");
    Path log = directory.resolve("classes.log");
    String main = "io.calidrop.cli.Main source: shared objects file (top)";
    Map<String, String> logged = Map.of("CALIDROP_JAVA_OPTS", "-Xlog:class+load:file=" + log);
    assertThat(launcher.run(logged, "\"$0\" --version").err()).isEmpty();
    assertThat(log).content().contains(main);

    byte[] half = Arrays.copyOf(Files.readAllBytes(launcher.classes()), 1 << 20);
    Files.write(launcher.classes(), half);
    Launcher.Result damaged = launcher.run(logged, "\"$0\" --version");
    assertThat(damaged.err()).isEmpty();
    assertThat(damaged.code()).isZero();
    assertThat(log).content().doesNotContain(main);
  }

  private void makeStale() throws IOException {
    Files.setLastModifiedTime(launcher.jar(), FileTime.from(Instant.now().minusSeconds(60)));
  }

  /** A folder with a Maven that notes each build. */
  private String maven(String name, String version) throws IOException {
    Path folder = Files.createDirectories(directory.resolve("bin-" + name));
    List<String> script = new ArrayList<>(List.of("#!/bin/sh"));
    script.add("[ \"$1\" != -v ] || { echo 'Apache Maven " + version + "'; exit; }");
    script.add("cat; sleep 1; echo " + name + " >> '" + directory.resolve("builds") + "'");
    Path file = Files.write(folder.resolve(name), script);
    assertThat(file.toFile().setExecutable(true)).isTrue();
    return folder.toString();
  }
}
