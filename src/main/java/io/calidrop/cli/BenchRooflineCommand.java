package io.calidrop.cli;

import io.calidrop.bench.Roofline;
import io.calidrop.tensor.CpuTopology;
import io.calidrop.tensor.VectorShape;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Measures the limits of the machine. */
@Command(
    name = "roofline",
    description =
        "Measures the limits of this machine: how fast threads read memory, and how fast they "
            + "multiply and add float32 numbers.",
    footer = {"", "Examples:", "  ./run.sh bench roofline", "  ./run.sh bench roofline -t 1,2,8"})
final class BenchRooflineCommand implements Callable<Integer> {
  @ParentCommand private BenchCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpFlag help;
  @Mixin private TableFlags table;

  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      split = ",",
      description = "Numbers of threads. Default: 1, doubled up to the physical cores.")
  private List<Integer> threads;

  @Override
  public Integer call() throws IOException {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (int count : counts()) {
      LoadFlags.positive(spec, "--threads", count, 1);
      Roofline.Limits limits = Roofline.measure(count);
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("threads", count);
      row.put("vector bits", VectorShape.bits());
      row.put("read GB/s", Figures.round(limits.readGigabytes()));
      row.put("f32 FMA GFLOP/s", Figures.round(limits.fmaGigaflops()));
      rows.add(row);
    }
    table.print(parent.root().io().out(), rows);
    return ExitCode.OK;
  }

  private Iterable<Integer> counts() {
    if (threads != null) {
      return threads;
    }
    TreeSet<Integer> counts = new TreeSet<>();
    int cores = CpuTopology.usableCores();
    for (int n = 1; n < cores; n *= 2) {
      counts.add(n);
    }
    counts.add(cores);
    return counts;
  }
}
