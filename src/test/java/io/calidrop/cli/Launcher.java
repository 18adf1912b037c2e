package io.calidrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** An install of the program in a folder of its own, started by {@code run.sh} as users do. */
final class Launcher {
  /** What a process did. */
  record Result(int code, String out, String err) {}

  private static final int SECONDS = 100;

  private final Path home;

  /** Installs it, with the classes of this JVM in place of the built ones. */
  Launcher(Path home) throws IOException {
    this.home = home;
    Files.createDirectories(home.resolve("src").resolve("main"));
    Files.createDirectories(home.resolve(".mvn"));
    Files.createDirectories(home.resolve("target"));
    Files.copy(Path.of("run.sh"), script(), StandardCopyOption.COPY_ATTRIBUTES);
    Files.createFile(home.resolve("pom.xml"));
    Manifest manifest = new Manifest();
    Attributes main = manifest.getMainAttributes();
    main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    main.put(Attributes.Name.MAIN_CLASS, "io.calidrop.cli.Main");
    main.put(
        Attributes.Name.CLASS_PATH,
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(entry -> Path.of(entry).toUri().toString())
            .collect(Collectors.joining(" ")));
    main.putValue("Add-Exports", "java.base/jdk.internal.module");
    main.putValue("Enable-Native-Access", "ALL-UNNAMED");
    try (OutputStream file = Files.newOutputStream(jar());
        JarOutputStream jar = new JarOutputStream(file, manifest)) {
      jar.finish();
    }
    Files.createFile(classes()); // as a JVM leaves it that cannot make one, of folders
  }

  /** Puts the built classes into the jar instead of their folder, as a build does. */
  void pack() throws IOException {
    Path built = Path.of("target", "classes");
    Manifest manifest;
    try (JarFile jar = new JarFile(jar().toFile())) {
      manifest = jar.getManifest();
    }
    String[] libraries =
        manifest.getMainAttributes().getValue(Attributes.Name.CLASS_PATH).split(" ");
    manifest
        .getMainAttributes()
        .put(
            Attributes.Name.CLASS_PATH,
            Arrays.stream(libraries)
                .filter(library -> library.endsWith(".jar"))
                .collect(Collectors.joining(" ")));
    try (OutputStream file = Files.newOutputStream(jar());
        JarOutputStream jar = new JarOutputStream(file, manifest);
        Stream<Path> paths = Files.walk(built)) {
      for (Path path : paths.filter(Files::isRegularFile).toList()) {
        jar.putNextEntry(new JarEntry(built.relativize(path).toString()));
        Files.copy(path, jar);
      }
    }
  }

  Path script() {
    return home.resolve("run.sh");
  }

  Path jar() {
    return home.resolve("target").resolve("calidrop.jar");
  }

  /** Classes as the JVM keeps them. */
  Path classes() {
    return home.resolve("target").resolve("calidrop.jsa");
  }

  /** A process of a shell, whose {@code $0} is the launcher and {@code $1} the first argument. */
  ProcessBuilder shell(String line, String... args) {
    List<String> command = new ArrayList<>(List.of("bash", "-c", line, script().toString()));
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putIfAbsent("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().remove("LC_ALL");
    builder.environment().remove("NO_COLOR");
    return builder;
  }

  /** Runs a line of a shell; its stdin is at its end, and these variables are set. */
  Result run(Map<String, String> environment, String line, String... args)
      throws IOException, InterruptedException {
    Path out = Files.createTempFile("launcher", ".out");
    Path err = Files.createTempFile("launcher", ".err");
    try {
      ProcessBuilder builder = shell(line, args);
      builder.environment().putAll(environment);
      Process process =
          builder
              .redirectInput(new File("/dev/null"))
              .redirectOutput(out.toFile())
              .redirectError(err.toFile())
              .start();
      if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        throw new AssertionError("it hangs: " + line + "\n" + Files.readString(err));
      }
      return new Result(
          process.exitValue(), Files.readString(out, UTF_8), Files.readString(err, UTF_8));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }
}
