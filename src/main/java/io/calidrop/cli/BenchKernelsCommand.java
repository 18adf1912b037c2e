package io.calidrop.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.bench.kernels.KernelBenchmarks;
import io.calidrop.gguf.GgmlType;
import io.calidrop.tensor.CpuTopology;
import io.calidrop.tensor.VectorShape;
import io.calidrop.tensor.WeightFormat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Runs the JMH benchmarks. */
@Command(
    name = "kernels",
    description =
        "Runs the JMH benchmarks of the kernels: matrix products of every weight format, attention, "
            + "what lies between, and constraints of JSON schemas. Limits of the machine are measured in the process of each benchmark, "
            + "and \"%% of limit\" is the share of what memory or the multipliers allow there: it compares "
            + "across runs where times do not.",
    footer = {
      "",
      "Examples:",
      "  ./run.sh bench kernels",
      "  ./run.sh bench kernels Matrix --type q4_0,q8_0 -t 2",
      "  ./run.sh bench kernels --format json > before.json",
      "  ./run.sh bench kernels --compare before.json"
    })
final class BenchKernelsCommand implements Callable<Integer> {
  private static final String KERNEL = "kernel";
  private static final String SHARE = "% of limit";

  @ParentCommand private BenchCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpFlag help;
  @Mixin private TableFlags table;

  @Parameters(
      arity = "0..*",
      paramLabel = "PATTERN",
      description =
          "Regular expressions: Matrix, Attention, Store, Vector, Constraint, or a method. Default: all of them.")
  private List<String> patterns = List.of();

  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      description = "Threads of matrix products and attention. Default: the physical cores.")
  private Integer threads;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      split = ",",
      completionCandidates = Names.WeightFormats.class,
      description = "Weight formats of matrix products: ${COMPLETION-CANDIDATES}. Default: all.")
  private List<GgmlType> types;

  @Option(names = "--quick", description = "Measure for a tenth of the time.")
  private boolean quick;

  @Option(
      names = "--compare",
      paramLabel = "FILE",
      description = "JSON of an earlier run: adds a column of the ratio of \"%% of limit\" to it.")
  private Path earlier;

  @Override
  public Integer call() throws IOException {
    int count = LoadFlags.positive(spec, "--threads", threads, CpuTopology.usableCores());
    Map<String, Double> shares = earlier == null ? Map.of() : shares(earlier);
    KernelBenchmarks benchmarks = new KernelBenchmarks(count, quick);
    if (types != null) {
      benchmarks.with("type", types.stream().map(this::supported).toList());
    }
    List<Map<String, Object>> rows = new ArrayList<>();
    for (var measurement : benchmarks.run(patterns, parent.root().io().err())) {
      rows.add(row(measurement, shares));
    }
    table.print(parent.root().io().out(), rows);
    return ExitCode.OK;
  }

  private String supported(GgmlType type) {
    if (!WeightFormat.supported().contains(type)) {
      throw new ParameterException(
          spec.commandLine(),
          "there is no kernel for %s; there are %s".formatted(type, WeightFormat.supported()));
    }
    return type.name();
  }

  private Map<String, Object> row(
      KernelBenchmarks.Measurement measurement, Map<String, Double> shares) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put(KERNEL, measurement.kernel());
    row.put("threads", measurement.threads());
    row.put("vector bits", VectorShape.bits());
    row.put("ns", Figures.round(measurement.nanoseconds()));
    row.put("±", Figures.round(measurement.error()));
    row.put("GB/s", Figures.round(measurement.gigabytes()));
    row.put("GFLOP/s", Figures.round(measurement.gigaflops()));
    row.put("garbage B", Figures.round(measurement.garbage()));
    Double share = Figures.round(100 * measurement.share());
    row.put(SHARE, share);
    if (earlier != null) {
      Double before = shares.get(measurement.kernel());
      row.put("ratio", share == null || before == null ? null : Figures.round(share / before));
    }
    return row;
  }

  private static Map<String, Double> shares(Path file) throws IOException {
    Map<String, Double> shares = new HashMap<>();
    for (JsonNode row : Json.read(file)) {
      if (row.path(SHARE).isNumber()) {
        shares.put(row.path(KERNEL).asText(), row.path(SHARE).asDouble());
      }
    }
    return shares;
  }
}
