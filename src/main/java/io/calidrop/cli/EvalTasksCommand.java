package io.calidrop.cli;

import io.calidrop.attention.CacheOptions;
import io.calidrop.eval.CacheSetting;
import io.calidrop.eval.tasks.QuestionOrder;
import io.calidrop.eval.tasks.Task;
import io.calidrop.eval.tasks.TaskDocument;
import io.calidrop.eval.tasks.TaskRunner;
import io.calidrop.eval.tasks.TaskTable;
import io.calidrop.generate.ChatTemplate;
import io.calidrop.generate.Engine;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.report.Report;
import io.calidrop.report.ResultLog;
import io.calidrop.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Questions about synthetic documents, answered with bounded caches. */
@Command(
    name = "tasks",
    defaultValueProvider = GridDefaults.Tasks.class,
    description =
        "Share of questions about synthetic documents that are answered exactly, greedily, with the "
            + "model's chat template: a pass key, needles, variables, copying, facts of a conversation.",
    footer = {
      "",
      "Examples:",
      "  ./run.sh eval tasks --tasks passkey,needle --lengths 512,1024 --out tasks",
      "  ./run.sh eval tasks --seeds 2,3,4 --order agnostic --budgets 128",
      "  ./run.sh eval tasks --tasks needle --depths 10 --lengths 512,2048 --recall 256"
    })
final class EvalTasksCommand implements Callable<Integer> {
  @ParentCommand private EvalCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpFlag help;
  @Mixin private LoadFlags model;
  @Mixin private GridFlags grid;
  @Mixin private EvalFlags options;

  @Option(
      names = "--tasks",
      completionCandidates = Names.Tasks.class,
      paramLabel = "NAME",
      split = ",",
      defaultValue = "passkey,needle,multineedle,tracking,copy,facts",
      description = "Tasks. Default: ${DEFAULT-VALUE}.")
  private List<Task> tasks;

  @Option(
      names = "--lengths",
      paramLabel = "N",
      split = ",",
      defaultValue = "512,1024",
      description = "Tokens of a document, about. Default: ${DEFAULT-VALUE}.")
  private List<Integer> lengths;

  @Option(
      names = "--depths",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Hide a pass key or single needle at so many places in turn, evenly spaced from the beginning of the text to "
              + "its end, and show what was found by depth and length; 0: anywhere. Default: ${DEFAULT-VALUE}.")
  private int depths;

  @Option(
      names = "--instances",
      paramLabel = "N",
      defaultValue = "50",
      description =
          "Questions for each task and length, over all seeds. Default: ${DEFAULT-VALUE}.")
  private int instances;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      split = ",",
      description = "The documents come from these in turn. Default: ${DEFAULT-VALUE}.")
  private List<Long> seeds;

  @Option(
      names = "--order",
      completionCandidates = Names.Orders.class,
      paramLabel = "WHEN",
      split = ",",
      defaultValue = "agnostic,aware",
      description =
          "Whether the question comes after the compression (agnostic) or before (aware). Default: ${DEFAULT-VALUE}.")
  private List<QuestionOrder> orders;

  @Override
  public Integer call() throws IOException {
    if (instances < 1 || lengths.stream().anyMatch(length -> length < 128)) {
      throw new ParameterException(
          spec.commandLine(), "--instances must be at least 1 and --lengths at least 128");
    }
    if (depths < 0) {
      throw new ParameterException(spec.commandLine(), "--depths must not be negative");
    }
    grid.check();
    options.check();
    CalidropCommand root = parent.root();
    CacheOptions full = CacheOptions.full(grid.kvTypes());
    try (Engine engine = model.load(root.io(), root.verbose(), full)) {
      Map<String, Object> protocol = grid.protocol();
      Run run = new Run(engine, options.log(engine, protocol));
      long units = 0;
      for (TaskTable.Cell cell : run.cells) {
        units += (long) run.documents(cell).size() * (run.passes(cell) + orders.size());
      }
      try (WorkProgress progress = new WorkProgress(root.io(), "eval tasks", "documents", units)) {
        for (TaskTable.Cell cell : run.cells) {
          run.measure(cell, progress);
        }
      }
      protocol.put("seeds", seeds.toString());
      protocol.put("questions", instances);
      Report report =
          new Report("What a bounded cache remembers", options.provenance(engine, protocol));
      run.table.addTo(report);
      options.finish(root.io(), report);
    }
    return ExitCode.OK;
  }

  /** A document and how many of its questions are asked. */
  private record Instance(String key, TaskDocument document, int questions) {}

  /** One evaluation of a loaded model. */
  private final class Run {
    private final Tokenizer tokenizer;
    private final ResultLog log;
    private final TaskRunner runner;
    private final int trained; // positions
    private final CacheSetting full;
    private final List<CacheSetting> settings;
    private final TaskTable table;
    private final List<TaskTable.Cell> cells = new ArrayList<>();

    Run(Engine engine, ResultLog log) {
      this.log = log;
      tokenizer = engine.tokenizer();
      runner =
          new TaskRunner(
              engine.model(), tokenizer, template(engine), grid.kvTypes(), grid.compress());
      full = CacheSetting.full(CacheOptions.full(grid.kvTypes()));
      trained = engine.model().config().contextLength();
      int longest = lengths.stream().max(Integer::compare).orElseThrow();
      if (longest > trained && grid.isOnce()) {
        throw new ParameterException(
            spec.commandLine(),
            "documents of %d tokens are longer than what the model was trained on, %d: they need --compress rolling"
                .formatted(longest, trained));
      }
      settings = grid.settings(engine.model().config().cacheShape(), longest);
      table = new TaskTable(settings, orders);
      for (Task task : tasks) {
        for (int length : lengths) {
          cells.add(new TaskTable.Cell(task, length));
        }
      }
    }

    private static Optional<ChatTemplate> template(Engine engine) {
      try {
        return Optional.of(engine.template());
      } catch (ModelFormatException e) {
        return Optional.empty(); // a base model: plain text
      }
    }

    List<Instance> documents(TaskTable.Cell cell) {
      List<Instance> documents = new ArrayList<>();
      int left = instances;
      for (int i = 0; left > 0; i++) {
        long seed = seeds.get(i % seeds.size());
        int index = i / seeds.size();
        TaskDocument document =
            cell.task()
                .document(
                    seed,
                    index,
                    cell.length(),
                    depths,
                    text -> tokenizer.encode(text, false).length);
        int questions = Math.min(left, document.questions().size());
        String place = document.depth() == TaskDocument.NO_DEPTH ? "" : " at " + document.depth();
        String key = "%s %d %d#%d%s".formatted(cell.task(), cell.length(), seed, index, place);
        documents.add(new Instance(key, document, questions));
        left -= questions;
      }
      return documents;
    }

    /**
     * How often documents are read with the full cache: once, as it does not care when a question
     * comes; never, if they are longer than what the model was trained on.
     */
    int passes(TaskTable.Cell cell) {
      return cell.length() > trained ? 0 : 1;
    }

    void measure(TaskTable.Cell cell, WorkProgress progress) throws IOException {
      List<Instance> documents = documents(cell);
      for (Instance instance : passes(cell) == 0 ? List.<Instance>of() : documents) {
        answer(instance, QuestionOrder.AGNOSTIC, List.of(full));
        progress.step(1);
        table.addFull(cell, right(instance, QuestionOrder.AGNOSTIC, full), instance.questions());
      }
      if (!table.isMeasurable(cell)) {
        progress.skip((long) documents.size() * orders.size());
        return;
      }
      for (QuestionOrder order : orders) {
        for (Instance instance : documents) {
          answer(instance, order, settings);
          progress.step(1);
          for (CacheSetting setting : settings) {
            table.add(
                order,
                cell,
                instance.document().depth(),
                setting,
                right(instance, order, setting),
                instance.questions());
          }
        }
      }
    }

    private String key(Instance instance, QuestionOrder order, CacheSetting setting) {
      return "%s %s %s".formatted(instance.key(), order, setting.key());
    }

    private int right(Instance instance, QuestionOrder order, CacheSetting setting) {
      Map<String, Object> result = log.get(key(instance, order, setting)).orElseThrow();
      return ((Number) result.get("right")).intValue();
    }

    /** Answers what the log does not hold yet, or holds for fewer questions. */
    private void answer(Instance instance, QuestionOrder order, List<CacheSetting> settings)
        throws IOException {
      List<CacheSetting> missing =
          settings.stream()
              .filter(
                  setting ->
                      log.get(key(instance, order, setting))
                          .filter(result -> result.get("asked").equals(instance.questions()))
                          .isEmpty())
              .toList();
      if (missing.isEmpty()) {
        return;
      }
      int[] right = runner.run(instance.document(), instance.questions(), order, missing);
      for (int i = 0; i < right.length; i++) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("right", right[i]);
        result.put("asked", instance.questions());
        log.add(key(instance, order, missing.get(i)), result);
      }
    }
  }
}
