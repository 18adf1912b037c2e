package io.calidrop.cli;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The program as a process of its own. */
final class Processes {
  private Processes() {}

  /** Its command line, with the options of the tests' JVM and more of them. */
  static List<String> command(List<String> args, String... jvmOptions) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(arg -> arg.startsWith("--") || arg.startsWith("-XX:CompileCommand"))
        .forEach(command::add);
    command.addAll(List.of(jvmOptions));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), "io.calidrop.cli.Main"));
    command.addAll(args);
    return command;
  }
}
