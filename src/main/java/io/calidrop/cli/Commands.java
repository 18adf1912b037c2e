package io.calidrop.cli;

import java.util.List;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;

/** The commands below the root. Making one with its options takes tens of milliseconds. */
final class Commands {
  /** What the arguments mean where they name no command. */
  static final String CHAT = "chat";

  private static final String COMPLETION = "generate-completion";

  /** In the order in which help lists them. */
  private static final List<String> NAMES =
      List.of(
          CHAT,
          "run",
          "batch",
          "merge",
          "serve",
          "pull",
          "list",
          "inspect",
          "tokenize",
          "eval",
          "bench",
          COMPLETION);

  private Commands() {}

  /** The names of all, in the order in which help lists them. */
  static List<String> names() {
    return NAMES;
  }

  /**
   * Gives the root the commands that these arguments may mean, and all where it is to list them.
   */
  static void add(CommandLine root, String[] args) {
    for (String name : wanted(List.of(args))) {
      root.addSubcommand(name, type(name));
    }
  }

  private static List<String> wanted(List<String> args) {
    String first = args.isEmpty() ? CHAT : args.getFirst();
    if (first.equals(COMPLETION)) {
      return NAMES;
    }
    if (NAMES.contains(first)) {
      return List.of(first);
    }
    if (args.stream().anyMatch(Arguments.ROOT_ONLY::contains)) {
      return NAMES;
    }
    return NAMES.stream().filter(name -> name.equals(CHAT) || args.contains(name)).toList();
  }

  private static Class<?> type(String name) {
    return switch (name) {
      case CHAT -> ChatCommand.class;
      case "run" -> RunCommand.class;
      case "batch" -> BatchCommand.class;
      case "merge" -> MergeCommand.class;
      case "serve" -> ServeCommand.class;
      case "pull" -> PullCommand.class;
      case "list" -> ListCommand.class;
      case "inspect" -> InspectCommand.class;
      case "tokenize" -> TokenizeCommand.class;
      case "eval" -> EvalCommand.class;
      case "bench" -> BenchCommand.class;
      case COMPLETION -> GenerateCompletion.class;
      default -> throw new IllegalArgumentException(name);
    };
  }
}
