package io.calidrop.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jline.builtins.Completers.FileNameCompleter;
import org.jline.reader.Completer;
import org.jline.reader.EOFError;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.ParsedLine;
import org.jline.reader.Parser;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.DefaultParser;
import org.jline.reader.impl.completer.AggregateCompleter;
import org.jline.reader.impl.completer.ArgumentCompleter;
import org.jline.reader.impl.completer.NullCompleter;
import org.jline.reader.impl.completer.StringsCompleter;
import org.jline.terminal.Size;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jline.utils.AttributedStringBuilder;
import org.jline.utils.AttributedStyle;

/** Lines that are edited in the terminal, with history and completion. */
final class TerminalInput implements ChatInput {
  private final Terminal terminal;
  private final LineReader reader;
  private final String prompt;

  /**
   * @param commands that are completed; those in {@code withFile} take a file's name
   * @param words that commands take
   * @param history file that keeps what was typed, or null for none
   * @param width is told when the terminal's size changes
   */
  TerminalInput(
      List<String> commands,
      Set<String> withFile,
      Map<String, List<String>> words,
      Path history,
      boolean color,
      Interrupts interrupts,
      TerminalWidth width)
      throws IOException {
    terminal =
        TerminalBuilder.builder()
            .name("calidrop")
            .system(true)
            .provider("exec") // others bring native code
            .systemOutput(TerminalBuilder.SystemOutput.SysOut)
            .nativeSignals(true)
            .build();
    if (terminal.getWidth() == 0) {
      terminal.setSize(new Size(80, 24)); // as in a container whose terminal nobody has measured
    }
    terminal.handle(Terminal.Signal.INT, signal -> interrupts.raise());
    terminal.handle(Terminal.Signal.WINCH, signal -> width.changed());
    LineReaderBuilder builder =
        LineReaderBuilder.builder()
            .terminal(terminal)
            .appName("calidrop")
            .parser(new QuotesParser())
            .completer(completer(commands, withFile, words))
            .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
            .option(LineReader.Option.HISTORY_IGNORE_SPACE, true)
            .variable(LineReader.SECONDARY_PROMPT_PATTERN, PlainInput.MORE);
    if (history != null) {
      builder.variable(LineReader.HISTORY_FILE, history);
    }
    reader = builder.build();
    prompt =
        color
            ? new AttributedStringBuilder()
                .styled(AttributedStyle.BOLD.foreground(AttributedStyle.GREEN), PlainInput.PROMPT)
                .toAnsi(terminal)
            : PlainInput.PROMPT;
  }

  private static AggregateCompleter completer(
      List<String> commands, Set<String> withFile, Map<String, List<String>> words) {
    return new AggregateCompleter(
        commands.stream()
            .<Completer>map(
                command -> {
                  Completer argument =
                      withFile.contains(command)
                          ? new FileNameCompleter()
                          : new StringsCompleter(words.getOrDefault(command, List.of()));
                  return new ArgumentCompleter(
                      new StringsCompleter(command), argument, NullCompleter.INSTANCE);
                })
            .toList());
  }

  /** A line as it is, or several between quotes. */
  private static final class QuotesParser implements Parser {
    private final DefaultParser words = new DefaultParser();

    QuotesParser() {
      words.setEscapeChars(null);
      words.setQuoteChars(new char[0]);
    }

    @Override
    public ParsedLine parse(String line, int cursor, ParseContext context) {
      if (context == ParseContext.ACCEPT_LINE
          && line.strip().startsWith(QUOTES)
          && !Entry.isClosed(line)) {
        throw new EOFError(-1, cursor, "the closing quotes are missing");
      }
      return words.parse(line, cursor, context);
    }
  }

  @Override
  public Entry read() throws InterruptedInput {
    try {
      return Entry.of(reader.readLine(prompt));
    } catch (UserInterruptException e) {
      throw new InterruptedInput();
    } catch (EndOfFileException e) {
      return null;
    }
  }

  @Override
  public void close() throws IOException {
    try {
      reader.getHistory().save();
      terminal.close();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }
}
