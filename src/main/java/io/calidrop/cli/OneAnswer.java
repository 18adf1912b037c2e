package io.calidrop.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.calidrop.generate.ChatSession;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.Reasoning;
import io.calidrop.generate.StopReason;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jline.utils.Signals;

/** Answers one prompt on stdout, with its statistics on stderr; Ctrl-C ends it. */
record OneAnswer(Io io, GenerationOptions options, boolean quiet, boolean json, boolean color) {

  /** Generates the text, giving its pieces to the consumer. */
  @FunctionalInterface
  private interface Text {
    GenerationResult generate(Consumer<String> onText, Interrupts interrupts);
  }

  /** The line end that closes a file or what a pipe brings; it is no part of a question. */
  private static final Pattern LAST_LINE_END = Pattern.compile("\\R\\z");

  /** Answers a question; returns the exit code. */
  int to(Engine engine, ConversationFlags conversation, String question)
      throws JsonProcessingException {
    String asked = LAST_LINE_END.matcher(question).replaceFirst("");
    try (ChatSession chat = engine.chat(options, conversation.template(io, engine))) {
      conversation.system().ifPresent(chat::system);
      return show(
          engine,
          chat.openedReasoning(),
          (onText, interrupts) -> chat.send(asked, onText, interrupts));
    }
  }

  /** Continues a text without a chat template; returns the exit code. */
  int continues(Engine engine, String text) throws JsonProcessingException {
    return show(
        engine,
        Optional.empty(),
        (onText, interrupts) -> engine.complete(text, options, onText, interrupts));
  }

  private int show(Engine engine, Optional<Reasoning> opened, Text text)
      throws JsonProcessingException {
    try (Interrupts interrupts =
        new Interrupts(() -> Runtime.getRuntime().halt(ExitCode.INTERRUPTED))) {
      TerminalWidth width = new TerminalWidth();
      Signals.register("WINCH", width::changed);
      interrupts.begin();
      TextOutput output = new TextOutput(io, interrupts, width, color, opened);
      GenerationResult result = text.generate(json ? piece -> {} : output, interrupts);
      if (json) {
        Json.print(io.out(), Statistics.json(result, engine));
      } else {
        output.end();
      }
      if (!result.cache().storeTrouble().isEmpty()) {
        io.err().println(Statistics.trouble(result.cache()));
      }
      if (!quiet && !json) {
        io.err().println(Statistics.line(result, engine.loadNanos()));
      }
      return result.stopReason() == StopReason.INTERRUPTED && !io.out().checkError()
          ? ExitCode.INTERRUPTED
          : ExitCode.OK;
    }
  }
}
