package io.calidrop.cli;

import io.calidrop.batch.BatchInput;
import io.calidrop.batch.BatchOutput;
import io.calidrop.batch.BatchOutput.Existing;
import io.calidrop.batch.BatchParser;
import io.calidrop.batch.BatchPass;
import io.calidrop.batch.BatchRunner;
import io.calidrop.batch.BatchSummary;
import io.calidrop.batch.Shard;
import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.cli.ModelFlags.OnFull;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.text.Utf8;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Answers the prompts of a file. */
@Command(
    name = "batch",
    description =
        "Answers every prompt of a file, a line of JSON each. A line of the input is a prompt, or in a "
            + ".jsonl file an object: {\"id\", \"prompt\" or \"messages\", and overrides such as "
            + "\"temperature\"}, or a line of an OpenAI batch: a chat, or a completion, whose prompt is "
            + "continued without a chat template. A wrong line becomes a result with an error.",
    footer = {
      "",
      "Exit code 3: all lines have a result, and some of them are errors.",
      "",
      "Examples:",
      "  ./run.sh batch --in prompts.jsonl --out results.jsonl",
      "  ./run.sh batch --in prompts.jsonl --out results.jsonl --parallel 8",
      "  ./run.sh batch --in prompts.jsonl --out results.jsonl --resume",
      "  ./run.sh batch --in prompts.jsonl --out results.jsonl --retry-failed",
      "  grep -v done all.jsonl | ./run.sh batch --in - --out results.jsonl",
      "  ./run.sh batch --in prompts.txt --out 2.jsonl --shard 2/3 --system \"Be brief.\"",
      "  ./run.sh batch --in questions.txt --out answers.jsonl --document book.txt"
    })
final class BatchCommand implements Callable<Integer> {
  private static final int MOST_PARALLEL = 256;

  @ParentCommand private CalidropCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpFlag help;
  @Mixin private ConversationFlags conversation;
  @Mixin private GenerationFlags generation;

  @Mixin private BatchInputFlags prompts;

  @Option(names = "--out", paramLabel = "FILE", required = true, description = "The results.")
  private Path out;

  @Option(
      names = "--resume",
      description = "Go on with --out: what has a result is skipped, a torn last line repaired.")
  private boolean resume;

  @Option(
      names = "--retry-failed",
      description = "Go on with --out as --resume does, and try again what failed.")
  private boolean retryFailed;

  @Option(names = "--force", description = "Replace --out.")
  private boolean force;

  @Option(names = "--fail-fast", description = "End at the first error.")
  private boolean failFast;

  @Option(
      names = "--parallel",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "Prompts that share each pass over the weights, each with a cache of its own (default "
              + "${DEFAULT-VALUE}). The results are the same, in the order in which they are finished.")
  private int parallel;

  @Option(
      names = "--document",
      paramLabel = "FILE",
      description =
          "A text that stands before every prompt. It is computed once; with --compress once the cache is compressed "
              + "at its end, and every prompt answered from a copy.")
  private Path document;

  @Option(
      names = "--shard",
      paramLabel = "I/N",
      description = "Only every Nth line, from the Ith on; `merge` joins the results.")
  private String shard;

  @HelpGroup(Heading.OUTPUT)
  @Option(names = "--json", description = "Print the summary as JSON on stdout.")
  private boolean json;

  @HelpGroup(Heading.OUTPUT)
  @Option(
      names = {"-q", "--quiet"},
      description = "No progress and no summary.")
  private boolean quiet;

  @Override
  public Integer call() throws IOException {
    if ((resume || retryFailed) && force) {
      throw new ParameterException(
          spec.commandLine(),
          "%s and --force exclude each other: go on, or begin anew"
              .formatted(resume ? "--resume" : "--retry-failed"));
    }
    if (parallel < 1 || parallel > MOST_PARALLEL) {
      throw new ParameterException(
          spec.commandLine(),
          "--parallel: from 1 to %d, not %d".formatted(MOST_PARALLEL, parallel));
    }
    Shard part = shard();
    GenerationOptions options = generation.options(GenerationOptions.defaults().maxTokens(), 0);
    BatchParser parser = new BatchParser(options, conversation.system());
    Optional<String> about =
        document == null ? Optional.empty() : Optional.of(Utf8.read(document).strip());
    prompts.checkOutput(out);
    OptionalLong count = prompts.count();
    long total = count.isPresent() ? part.share(count.getAsLong()) : -1;
    Io io = parent.io();
    try (BatchInput input = prompts.open(io, parser);
        BatchOutput output = new BatchOutput(out, existing());
        Engine engine = conversation.load(io, parent.verbose(), OnFull.STOP);
        BatchRunner runner =
            new BatchRunner(engine, () -> conversation.template(io, engine), about, parallel);
        Interrupts interrupts =
            new Interrupts(() -> Runtime.getRuntime().halt(ExitCode.INTERRUPTED))) {
      interrupts.begin();
      BatchSummary summary;
      try (WorkProgress shown = quiet ? null : new WorkProgress(io, "batch", "prompts", total)) {
        BatchPass.Progress progress = quiet ? BatchPass.Progress.UNSEEN : progress(shown);
        summary = new BatchPass(input, part, output, failFast, progress).run(runner, interrupts);
      }
      print(io, engine, summary);
      return summary.interrupted()
          ? ExitCode.INTERRUPTED
          : summary.failed() > 0 ? ExitCode.BATCH_FAILURES : ExitCode.OK;
    }
  }

  private Existing existing() {
    if (retryFailed) {
      return Existing.RETRY;
    }
    return resume ? Existing.RESUME : force ? Existing.REPLACE : Existing.REFUSE;
  }

  private Shard shard() {
    try {
      return shard == null ? Shard.ALL : Shard.parse(shard);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), "--shard: " + e.getMessage(), e);
    }
  }

  private static BatchPass.Progress progress(WorkProgress shown) {
    return new BatchPass.Progress() {
      @Override
      public void skipped() {
        shown.skip(1);
      }

      @Override
      public void answered() {
        shown.step(1);
      }
    };
  }

  private void print(Io io, Engine engine, BatchSummary summary) throws IOException {
    if (json) {
      Map<String, Object> fields = new LinkedHashMap<>(summary.fields());
      fields.put("cache_options", CacheText.json(engine));
      Json.print(io.out(), fields);
    } else if (!quiet) {
      io.err()
          .printf(
              Locale.ROOT,
              "%s%d results, %d of them errors (%d were there); %d prompt and %d generated tokens in %.1f s, %.0f generated tok/s%s%n",
              summary.interrupted() ? "interrupted, --resume goes on: " : "",
              summary.results(),
              summary.failed(),
              summary.skipped(),
              summary.promptTokens(),
              summary.generatedTokens(),
              summary.seconds(),
              summary.generatedTokens() / summary.seconds(),
              summary.failed() > 0 ? "; --retry-failed tries the errors again" : "");
    }
  }
}
