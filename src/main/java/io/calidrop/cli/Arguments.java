package io.calidrop.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** The command line as the parser is to read it. */
final class Arguments {
  /** What the parser takes for the end of all options, which can be no option's value. */
  static final String END_OF_OPTIONS = "\0";

  /** Options that make the root answer itself. */
  static final Set<String> ROOT_ONLY = Set.of("-h", "--help", "-V", "--version");

  private Arguments() {}

  /**
   * The arguments, with {@code chat} before them where they begin with no command and ask for no
   * help. An option's value is what follows it, a command's name and {@code --} too.
   */
  static String[] of(CommandLine root, String[] args) {
    List<String> read = new ArrayList<>();
    CommandLine command = root;
    boolean rootOnly = false;
    for (int i = 0; i < args.length; i++) {
      String arg = args[i];
      rootOnly |= command == root && ROOT_ONLY.contains(arg);
      CommandLine named = command.getSubcommands().get(arg);
      if (named != null) {
        command = named;
      } else if (command == root && !rootOnly && option(root, arg.split("=", 2)[0]) == null) {
        command = root.getSubcommands().get(Commands.CHAT);
        read.add(0, Commands.CHAT);
      }
      if (arg.equals("--")) {
        read.add(END_OF_OPTIONS);
        read.addAll(Arrays.asList(args).subList(i + 1, args.length));
        break;
      }
      read.add(arg);
      OptionSpec option = option(command, arg);
      if (option != null && option.arity().min() == 1 && i + 1 < args.length) {
        read.add(args[++i]);
      }
    }
    if (command == root && !rootOnly) {
      read.add(0, Commands.CHAT);
    }
    return read.toArray(String[]::new);
  }

  private static OptionSpec option(CommandLine command, String name) {
    return command.getCommandSpec().findOption(name);
  }
}
