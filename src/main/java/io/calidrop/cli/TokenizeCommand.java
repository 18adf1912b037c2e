package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.download.ModelStore;
import io.calidrop.gguf.GgufFile;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Tokenizers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** Shows the tokens of a text. */
@Command(
    name = "tokenize",
    description = "Shows the tokens of a text: ids and pieces.",
    footer = {
      "",
      "Examples:",
      "  ./run.sh tokenize -p \"Hello world\"",
      "  ./run.sh tokenize --special -f prompt.txt --json"
    })
final class TokenizeCommand implements Callable<Integer> {
  @ParentCommand private CalidropCommand parent;
  @Mixin private HelpFlag help;
  @Mixin private PromptFlags prompt;
  @Mixin private StoreFlags store;
  @Mixin private TableFlags table;

  @HelpGroup(Heading.MACHINE)
  @Option(
      names = {"-m", "--model"},
      paramLabel = "FILE",
      description = "GGUF file with the vocabulary. Default: SmolLM2-135M-Instruct.")
  private String model;

  @HelpGroup(Heading.PROMPT)
  @Option(names = "--special", description = "Recognise special tokens in the text.")
  private boolean special;

  @Override
  public Integer call() throws IOException {
    Io io = parent.io();
    String text = prompt.read(io);
    ModelStore models = store.open();
    List<Map<String, Object>> tokens = new ArrayList<>();
    try (ProgressDisplay progress = new ProgressDisplay(io);
        GgufFile file =
            GgufFile.open(model == null ? models.defaultModel(progress) : models.resolve(model))) {
      Tokenizer tokenizer = Tokenizers.from(file.metadata());
      LoadFlags.warn(io, tokenizer.notices());
      for (int id : tokenizer.encode(text, special)) {
        Map<String, Object> token = new LinkedHashMap<>();
        token.put("id", id);
        token.put("piece", tokenizer.piece(id));
        tokens.add(token);
      }
    }
    if (table.isTable()) {
      tokens.forEach(token -> io.out().printf("%7d  %s%n", token.get("id"), token.get("piece")));
      io.err().println(tokens.size() + " tokens");
    } else {
      table.print(io.out(), tokens);
    }
    return ExitCode.OK;
  }
}
