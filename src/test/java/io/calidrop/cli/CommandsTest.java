package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class CommandsTest {
  private static Map<String, CommandLine> made(String... args) {
    CommandLine root = new CommandLine(new CalidropCommand(Io.ofProcess()));
    Commands.add(root, args);
    return root.getSubcommands();
  }

  @Test
  void onlyWhatTheArgumentsMayMeanIsMade() {
    assertThat(made("run", "-p", "bench", "--help")).containsOnlyKeys("run");
    assertThat(made()).containsOnlyKeys("chat");
    assertThat(made("-m", "model.gguf")).containsOnlyKeys("chat");
    assertThat(made("--debug", "run")).containsOnlyKeys("chat", "run");
  }

  @Test
  void theRootListsThemAllByTheirOwnNames() {
    assertThat(made("--help")).hasSize(12).containsOnlyKeys(made("generate-completion").keySet());
    made("--help")
        .forEach(
            (name, command) ->
                assertThat(
                        command
                            .getCommandSpec()
                            .userObject()
                            .getClass()
                            .getAnnotation(CommandLine.Command.class)
                            .name())
                    .isEqualTo(name));
  }
}
