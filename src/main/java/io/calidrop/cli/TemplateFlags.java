package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.generate.ChatTemplate;
import io.calidrop.generate.Engine;
import io.calidrop.generate.TemplateArguments;
import io.calidrop.text.Utf8;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How a conversation is written. */
@HelpGroup(Heading.PROMPT)
final class TemplateFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--chat-template",
      paramLabel = "FILE",
      description = "Jinja file to write conversations with. Default: the model's own template.")
  private Path file;

  @Option(
      names = "--template-arg",
      paramLabel = "NAME=JSON",
      description = "Variable for the template, such as enable_thinking=false; may be repeated.")
  private List<String> assignments = new ArrayList<>();

  private final Map<String, Object> arguments = new LinkedHashMap<>();
  private String source; // of the file, or null

  /** The first of these options that the user gives. */
  Optional<String> given() {
    return file != null
        ? Optional.of("--chat-template")
        : assignments.isEmpty() ? Optional.empty() : Optional.of("--template-arg");
  }

  /** Reads what they say; a wrong argument is a usage error. */
  void read() throws IOException {
    try {
      assignments.forEach(one -> arguments.putAll(TemplateArguments.parse(one)));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), "--template-arg: " + e.getMessage(), e);
    }
    source = file == null ? null : Utf8.read(file);
  }

  /** The template; warns when it is not the model's own although nobody wanted another. */
  ChatTemplate of(Io io, Engine engine) {
    ChatTemplate template =
        source == null
            ? engine.template()
            : ChatTemplate.of(source, file.toString(), engine.tokenizer());
    template.notice().ifPresent(notice -> io.err().println("warning: " + notice));
    return template.withArguments(arguments);
  }
}
