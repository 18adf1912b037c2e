package io.calidrop.cli;

import io.calidrop.attention.CacheOptions;
import io.calidrop.eval.AttentionError;
import io.calidrop.eval.CacheSetting;
import io.calidrop.eval.ErrorTable;
import io.calidrop.eval.ResultTable;
import io.calidrop.eval.TextWindow;
import io.calidrop.generate.Engine;
import java.io.IOException;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Errors of attention outputs by layer and head. */
@Command(
    name = "error",
    defaultValueProvider = GridDefaults.Error.class,
    description =
        "Relative error of each layer's and head's attention output against the full cache's, before "
            + "and after calibration, and what calibration did in each layer. A low error is not quality: "
            + "see eval quality.",
    footer = {
      "",
      "Example:",
      "  ./run.sh eval error --text book.txt --budgets 128 --policies h2o --out error"
    })
final class EvalErrorCommand extends GridEvalCommand {
  @Option(
      names = "--prompt-tokens",
      paramLabel = "N",
      defaultValue = "1024",
      description = "Tokens before those that count. Default: ${DEFAULT-VALUE}.")
  private int prompt;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "256",
      description = "Tokens that count. Default: ${DEFAULT-VALUE}.")
  private int tokens;

  @Override
  String title() {
    return "Where attention goes wrong in a bounded cache";
  }

  @Override
  int promptTokens() {
    return prompt;
  }

  @Override
  int scoredTokens() {
    return tokens;
  }

  @Override
  ResultTable table(List<CacheSetting> settings) {
    return new ErrorTable(settings);
  }

  @Override
  void measure(Engine engine, TextWindow window, List<CacheSetting> settings, Results log)
      throws IOException {
    List<CacheOptions> caches = settings.stream().map(CacheSetting::options).toList();
    try (AttentionError error =
        new AttentionError(engine.model(), grid().kvTypes(), window, caches)) {
      for (CacheSetting setting : settings) {
        log.add(setting, ErrorTable.cells(error.measure(setting.options())));
      }
    }
  }
}
