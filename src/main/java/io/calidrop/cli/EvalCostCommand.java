package io.calidrop.cli;

import io.calidrop.attention.CacheOptions;
import io.calidrop.eval.CacheCost;
import io.calidrop.eval.CacheSetting;
import io.calidrop.eval.CostTable;
import io.calidrop.generate.Engine;
import io.calidrop.model.ModelConfig;
import io.calidrop.report.Report;
import io.calidrop.report.ResultLog;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Speed and memory as a text grows. */
@Command(
    name = "cost",
    defaultValueProvider = GridDefaults.Cost.class,
    description =
        "Tokens per second, time to the first token and bytes at rising positions of a text, for the "
            + "full cache and each setting. Nothing else should run meanwhile.",
    footer = {
      "",
      "Examples:",
      "  ./run.sh eval cost --text book.txt --budgets 512 --out cost",
      "  ./run.sh eval cost --text book.txt --at 1024,8192 --calidrop off,fold"
    })
final class EvalCostCommand implements Callable<Integer> {
  @ParentCommand private EvalCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpFlag help;
  @Mixin private LoadFlags model;
  @Mixin private TextFlags texts;
  @Mixin private GridFlags grid;
  @Mixin private EvalFlags options;

  @Option(
      names = "--at",
      paramLabel = "N",
      split = ",",
      defaultValue = "512,1024,2048,4096,8192,16384,32768",
      description = "Positions to measure at. Default: ${DEFAULT-VALUE}.")
  private List<Integer> positions;

  @Option(
      names = {"-n", "--n-gen"},
      paramLabel = "N",
      defaultValue = "32",
      description = "Tokens to decode at each. Default: ${DEFAULT-VALUE}.")
  private int decoded;

  @Option(
      names = "--no-full",
      description = "Leave the full cache out, which takes the longest far into a text.")
  private boolean noFull;

  @Override
  public Integer call() throws IOException {
    check();
    EvalTexts files = texts.check();
    grid.check();
    options.check();
    CalidropCommand root = parent.root();
    CacheOptions full = CacheOptions.full(grid.kvTypes());
    int last = positions.getLast();
    try (Engine engine = model.load(root.io(), root.verbose(), full)) {
      ModelConfig config = engine.model().config();
      List<CacheSetting> settings = new ArrayList<>();
      if (!noFull) {
        settings.add(CacheSetting.full(full));
      }
      int trained = config.contextLength();
      settings.addAll(grid.settings(config.cacheShape(), trained));
      List<TextFlags.Piece> pieces = texts.pieces(files, engine.tokenizer(), last + decoded);
      Map<String, Object> protocol = grid.protocol();
      protocol.put("text", files.identity());
      protocol.put("tokens decoded", decoded);
      protocol.put("trained context", trained);
      String beyond = "";
      if (last > trained) {
        beyond =
            "Positions above %d are beyond the context that the model was trained on: costs are real there, texts of the full cache are not."
                .formatted(trained);
        root.io().err().println(beyond);
      }
      ResultLog log = options.log(engine, protocol);
      CostTable table = new CostTable(settings, beyond);
      try (WorkProgress progress =
          new WorkProgress(
              root.io(), "eval cost", "tokens", (long) pieces.size() * settings.size() * last)) {
        for (TextFlags.Piece piece : pieces) {
          for (CacheSetting setting : settings) {
            measure(engine, piece, setting, log, progress);
            for (int position : positions) {
              table.add(setting, log.get(key(piece, setting, position)).orElseThrow());
            }
          }
        }
      }
      protocol.put("places", texts.places());
      Report report =
          new Report("What a bounded cache costs", options.provenance(engine, protocol));
      table.addTo(report);
      options.finish(root.io(), report);
    }
    return ExitCode.OK;
  }

  private void check() {
    for (int i = 0; i < positions.size(); i++) {
      int least = i == 0 ? 1 : positions.get(i - 1) + decoded + 1;
      if (positions.get(i) < least) {
        throw new ParameterException(
            spec.commandLine(),
            "--at must rise by more than the %d tokens that are decoded at each: %d is too little"
                .formatted(decoded, positions.get(i)));
      }
    }
    if (decoded < 1) {
      throw new ParameterException(spec.commandLine(), "-n must be at least 1");
    }
  }

  private static String key(TextFlags.Piece piece, CacheSetting setting, int position) {
    return piece.key() + " " + setting.key() + " at " + position;
  }

  private void measure(
      Engine engine,
      TextFlags.Piece piece,
      CacheSetting setting,
      ResultLog log,
      WorkProgress progress)
      throws IOException {
    int last = positions.getLast();
    if (positions.stream().allMatch(p -> log.get(key(piece, setting, p)).isPresent())) {
      progress.skip(last);
      return;
    }
    int trained = engine.model().config().contextLength();
    int context = setting.isFull() ? Math.max(trained, last + decoded) : trained;
    CacheCost cost = new CacheCost(engine.model(), decoded);
    int[] before = {0};
    List<CacheCost.Point> points =
        cost.measure(
            setting.options(),
            context,
            piece.tokens(),
            positions,
            point -> {
              progress.step(point.position() - before[0]);
              before[0] = point.position();
            });
    for (CacheCost.Point point : points) {
      log.add(key(piece, setting, point.position()), CostTable.cells(point));
    }
  }
}
