package io.calidrop.cli;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.generate.ChatFile;
import io.calidrop.generate.ChatSession;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.TemplateArguments;
import io.calidrop.text.Utf8;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** What begins with a slash in a chat. */
final class ChatCommands {
  /** Commands with what they do. */
  private static final Map<String, String> HELP = new LinkedHashMap<>();

  static {
    HELP.put("/help", "shows this");
    HELP.put("/bye", "leaves, as /exit and Ctrl-D do");
    HELP.put("/exit", "leaves");
    HELP.put("/clear", "forgets the conversation; the system message stays");
    HELP.put("/system", "[TEXT] shows or sets the system message");
    HELP.put(
        "/set",
        "[NAME VALUE] shows or changes an option: " + String.join(", ", ChatSettings.names()));
    HELP.put("/show", "shows the model, the system message and the options");
    HELP.put("/stats", "shows what the last answer cost");
    HELP.put("/regen", "answers the last message anew, with another seed");
    HELP.put("/undo", "takes the last message and its answer back");
    HELP.put("/save", "FILE saves the conversation with its cache");
    HELP.put("/load", "FILE goes on with a saved one");
    HELP.put("/read", "FILE [TEXT] sends a file's text, and TEXT after it");
    HELP.put("/kv", "draws the cache: what each layer keeps and has folded");
  }

  /** Commands that take the name of a file. */
  static final Set<String> WITH_FILE = Set.of("/save", "/load", "/read");

  private static final Pattern COMMAND = Pattern.compile("/\\p{L}+");
  private static final int BAR = 32;

  private final PrintStream err;
  private final Engine engine;
  private final ChatSession chat;
  private final Answers answers;
  private GenerationResult last;

  /** Generates and shows an answer. */
  @FunctionalInterface
  interface Answers {
    /**
     * Sends a message, or generates the last answer anew where it is null.
     *
     * @return null where the message was refused
     */
    GenerationResult answer(String message);
  }

  ChatCommands(PrintStream err, Engine engine, ChatSession chat, Answers answers) {
    this.err = err;
    this.engine = engine;
    this.chat = chat;
    this.answers = answers;
  }

  static List<String> names() {
    return List.copyOf(HELP.keySet());
  }

  /**
   * Takes an input, a message or a command. A command is a slash and letters: what begins with a
   * path, or stands between quotes, is a message.
   *
   * @return whether the conversation goes on
   */
  boolean take(ChatInput.Entry input) {
    String line = input.text().strip();
    if (line.isEmpty()) {
      return true;
    }
    String[] parts = line.split("\\s+", 2);
    if (input.quoted() || !COMMAND.matcher(parts[0]).matches()) {
      send(input.text());
      return true;
    }
    String argument = parts.length == 1 ? "" : parts[1];
    try {
      return run(parts[0], argument);
    } catch (IOException | IllegalArgumentException | IllegalStateException e) {
      err.println(Errors.message(e)); // the conversation is as it was
      return true;
    }
  }

  private void send(String message) {
    GenerationResult result = answers.answer(message);
    last = result == null ? last : result;
  }

  private boolean run(String command, String argument) throws IOException {
    if (argument.isEmpty() && WITH_FILE.contains(command)) {
      err.println(command + " needs the name of a file");
      return true;
    }
    switch (command) {
      case "/bye", "/exit" -> {
        return false;
      }
      case "/help" -> help();
      case "/clear" -> clear();
      case "/system" -> system(argument);
      case "/set" -> set(argument);
      case "/show" -> show();
      case "/stats" ->
          err.println(last == null ? "no answer yet" : Statistics.line(last, engine.loadNanos()));
      case "/regen" -> regenerate();
      case "/undo" -> undo();
      case "/save" -> save(Path.of(argument));
      case "/load" -> load(Path.of(argument));
      case "/read" -> read(argument);
      case "/kv" -> drawCache();
      default ->
          err.printf(
              "unknown command %s; /help lists them, %s before and after makes it a message%n",
              command, ChatInput.QUOTES);
    }
    return true;
  }

  private void help() {
    HELP.forEach((name, text) -> err.printf("%-8s %s%n", name, text));
    err.printf(
        "%-8s around a message: it may have several lines and begin like a command%n",
        ChatInput.QUOTES);
  }

  private void clear() {
    int messages = said();
    int tokens = chat.length();
    chat.clear();
    err.printf(
        "forgot %d messages, %d tokens%s%n",
        messages, tokens, chat.system().isPresent() ? "; the system message stays" : "");
  }

  private void system(String text) {
    if (text.isEmpty()) {
      err.println(chat.system().orElse("no system message"));
      return;
    }
    boolean begun = chat.length() > 0;
    chat.system(text);
    err.println("system message set" + anew(begun));
  }

  private static String anew(boolean begun) {
    return begun ? "; the next turn computes the conversation anew" : "";
  }

  private void set(String argument) {
    String[] parts = argument.split("\\s+", 2);
    if (argument.isEmpty()) {
      err.println(settings());
    } else if (parts.length == 1) {
      err.printf("/set %s needs a value%n", parts[0]);
    } else if (parts[0].equals(ChatSettings.TEMPLATE_ARGUMENT)) {
      boolean begun = chat.length() > 0;
      chat.template(chat.template().withArguments(TemplateArguments.parse(parts[1])));
      err.println("template arguments " + chat.template().arguments() + anew(begun));
    } else {
      chat.options(ChatSettings.with(chat.options(), parts[0], parts[1]));
      err.println(settings());
    }
  }

  /** Messages of the conversation, without the system's. */
  private int said() {
    return chat.messages().size() - (chat.system().isPresent() ? 1 : 0);
  }

  private void regenerate() {
    if (said() == 0) {
      err.println("there is no answer yet");
    } else {
      send(null);
    }
  }

  private String settings() {
    return ChatSettings.describe(chat.options(), engine.recommendedSampling().options());
  }

  private void show() {
    err.printf("model    %s (%s)%n", engine.model().config().name(), engine.path().getFileName());
    err.printf("context  %d%n", engine.contextLength());
    err.printf("cache    %s%n", CacheText.line(engine));
    err.printf("system   %s%n", chat.system().orElse("(none)"));
    err.printf("options  %s%n", settings());
    if (!chat.template().arguments().isEmpty()) {
      err.printf("template %s%n", chat.template().arguments());
    }
  }

  private void undo() {
    err.println(
        switch (chat.undo()) {
          case NOTHING -> "there is nothing to take back";
          case TRUNCATED -> "took the last turn back";
          case SNAPSHOT -> "took the last turn back; the cache is as it was before it";
          case PREFILL -> "took the last turn back; the next one computes the conversation anew";
        });
  }

  private void save(Path file) throws IOException {
    new ChatFile(engine).save(chat, file);
    err.printf(
        "saved %d messages, %d tokens to %s (%s)%n",
        chat.messages().size(), chat.length(), file, Sizes.bytes(Files.size(file)));
  }

  private void load(Path file) throws IOException {
    boolean withCache = new ChatFile(engine).load(chat, file);
    err.printf(
        "loaded %d messages, %d tokens%s%n",
        chat.messages().size(),
        chat.length(),
        withCache ? "" : "; saved with other vectors: the next turn computes them anew");
  }

  private void read(String argument) throws IOException {
    // The name ends at the first blank unless a file of the whole name is there.
    String name = argument;
    String question = "";
    if (!Files.exists(Path.of(argument)) && argument.contains(" ")) {
      String[] parts = argument.split("\\s+", 2);
      name = parts[0];
      question = "\n\n" + parts[1];
    }
    send(Utf8.read(Path.of(name)) + question);
  }

  private void drawCache() {
    CacheStatistics cache = chat.cache();
    List<CacheStatistics> layers = chat.layers();
    for (int layer = 0; layer < layers.size(); layer++) {
      CacheStatistics l = layers.get(layer);
      double share = cache.seen() == 0 ? 0 : l.kept() / cache.seen();
      int bar = (int) Math.round(share * BAR);
      err.printf(
          Locale.ROOT,
          "layer %2d [%s%s] %5.0f kept + %5.0f stored + %3.0f rows for %.0f folded, %s%n",
          layer,
          "#".repeat(bar),
          ".".repeat(BAR - bar),
          l.kept(),
          l.stored(),
          l.calibrationRows(),
          l.folded(),
          Sizes.bytes(l.bytes()));
    }
    err.printf(
        Locale.ROOT,
        "%d tokens seen, %.0f kept a head; cache %s, store %s, sketches %s, calibration %s, %d prunes; of evicted rows a step recomputed %.0f, skipped %.0f, calibrated %.0f%n",
        cache.seen(),
        cache.kept(),
        Sizes.bytes(cache.activeBytes()),
        Sizes.bytes(cache.storedBytes()),
        Sizes.bytes(cache.sketchBytes()),
        Sizes.bytes(cache.calibrationBytes()),
        cache.prunes(),
        cache.perLook(cache.recomputed()),
        cache.perLook(cache.skipped()),
        cache.perLook(cache.calibrated()));
    if (cache.hotBytes() > 0) {
      err.printf(
          Locale.ROOT,
          "of the store's file %s in memory: %.0f %% of the blocks that were wanted%n",
          Sizes.bytes(cache.hotBytes()),
          100 * cache.hotShare());
    }
    if (!cache.storeTrouble().isEmpty()) {
      err.println(Statistics.trouble(cache));
    }
  }
}
