package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import java.lang.reflect.Field;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.IHelpSectionRenderer;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/** Lists options under headings, in the order in which the source has them, the rare ones last. */
final class HelpGroups implements IHelpSectionRenderer {
  private HelpGroups() {}

  /** Lists the options of a command and of all below it so. */
  static void use(CommandLine command) {
    command.getHelpSectionMap().put(UsageMessageSpec.SECTION_KEY_OPTION_LIST, new HelpGroups());
    command
        .getCommandSpec()
        .usageMessage()
        .abbreviateSynopsis(true)
        .parameterListHeading("%n")
        .commandListHeading("%nCommands:%n");
    command.getSubcommands().values().forEach(HelpGroups::use);
  }

  @Override
  public String render(Help help) {
    StringBuilder text = new StringBuilder();
    for (Heading heading : Heading.values()) {
      List<OptionSpec> options =
          help.commandSpec().options().stream()
              .filter(option -> !option.hidden() && heading(option) == heading)
              .sorted(Comparator.comparing(HelpGroups::isRare))
              .toList();
      if (!options.isEmpty()) {
        Help.Layout layout = help.createDefaultLayout();
        layout.addAllOptions(options, help.parameterLabelRenderer());
        text.append(help.createHeading("%n" + heading + ":%n")).append(layout);
      }
    }
    return text.toString();
  }

  /** The heading of an option: its field's, its class's, or that of the command's own. */
  private static Heading heading(OptionSpec option) {
    return group(option).map(HelpGroup::value).orElse(Heading.OPTIONS);
  }

  private static boolean isRare(OptionSpec option) {
    return group(option).map(HelpGroup::rare).orElse(false);
  }

  private static Optional<HelpGroup> group(OptionSpec option) {
    if (!(option.userObject() instanceof Field field)) {
      return Optional.empty();
    }
    return Optional.ofNullable(field.getAnnotation(HelpGroup.class))
        .or(() -> Optional.ofNullable(field.getDeclaringClass().getAnnotation(HelpGroup.class)));
  }
}
