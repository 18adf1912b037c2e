package io.calidrop.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.download.Checksum;
import io.calidrop.generate.Engine;
import io.calidrop.report.Report;
import io.calidrop.report.ResultLog;
import io.calidrop.report.TableFormat;
import io.calidrop.tensor.VectorShape;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Where an evaluation's results go, and how it goes on after it was killed. */
@HelpGroup(Heading.OUTPUT)
final class EvalFlags {
  private static final String LOG = "results.jsonl";
  private static final Path CPU = Path.of("/proc/cpuinfo");

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Mixin private TableFlags table;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description =
          "Also write tables (csv, md, json), plots (png, svg), report.html and each result as it comes.")
  private Path out;

  @Option(names = "--resume", description = "Go on from the results in --out.")
  private boolean resume;

  @Option(
      names = "--from",
      paramLabel = "DIR",
      split = ",",
      description =
          "Also take the results in these directories, of runs with the same settings side by side; what none of "
              + "them holds is computed.")
  private List<Path> from = List.of();

  private String checksum; // of the model, when first wanted

  /**
   * The log of results.
   *
   * @param settings what they depend on besides the model and how it computes
   */
  ResultLog log(Engine engine, Map<String, Object> settings) throws IOException {
    if (out == null && from.isEmpty()) {
      return ResultLog.inMemory();
    }
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("eval", spec.name());
    all.put("model", checksum(engine));
    all.put("exact", engine.isExact());
    all.putAll(settings);
    ResultLog log =
        out == null ? ResultLog.inMemory() : ResultLog.open(out.resolve(LOG), all, resume);
    for (Path directory : from) {
      log.include(directory.resolve(LOG), all);
    }
    return log;
  }

  /** Refuses what cannot be, before a model is loaded. */
  void check() {
    if (resume && out == null) {
      throw new ParameterException(
          spec.commandLine(), "--resume needs --out, the directory that holds the results");
    }
    for (Path directory : from) {
      if (!Files.exists(directory.resolve(LOG))) {
        throw new ParameterException(
            spec.commandLine(), "--from %s holds no %s".formatted(directory, LOG));
      }
    }
    if (out != null && Files.exists(out) && !Files.isDirectory(out)) {
      throw new ParameterException(spec.commandLine(), "--out %s is no directory".formatted(out));
    }
    if (out != null && !resume && Files.exists(out.resolve(LOG))) {
      throw new ParameterException(
          spec.commandLine(),
          "%s holds results already: --resume goes on from them, another --out leaves them"
              .formatted(out));
    }
  }

  /** Of the whole file: seconds, for a large one. */
  private String checksum(Engine engine) throws IOException {
    if (checksum == null) {
      checksum = Checksum.sha256(engine.path());
    }
    return checksum;
  }

  /** What the results depend on, for their reader; empty where no report is written. */
  Map<String, Object> provenance(Engine engine, Map<String, Object> settings) throws IOException {
    if (out == null) {
      return Map.of();
    }
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("command", "./run.sh " + String.join(" ", arguments()));
    all.put("model", engine.path().getFileName().toString());
    all.put("model sha256", checksum(engine));
    all.putAll(settings);
    all.put("version", new Version().getVersion()[0]);
    all.put(
        "computed with",
        "%d threads, %d-bit vectors%s"
            .formatted(
                engine.model().threads(), VectorShape.bits(), engine.isExact() ? ", exact" : ""));
    all.put("machine", machine());
    all.put("date", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    return all;
  }

  private List<String> arguments() {
    List<String> all = spec.root().commandLine().getParseResult().originalArgs();
    return all.stream().map(a -> a.matches("[\\w@%+=:,./-]+") ? a : "'" + a + "'").toList();
  }

  private static String machine() {
    String cpu = "";
    try (Stream<String> lines = Files.lines(CPU)) {
      cpu =
          lines
              .filter(line -> line.startsWith("model name"))
              .findFirst()
              .map(line -> line.substring(line.indexOf(':') + 1).strip() + ", ")
              .orElse("");
    } catch (IOException e) {
      // not Linux
    }
    return "%s%d processors, %s %s, Java %s"
        .formatted(
            cpu,
            Runtime.getRuntime().availableProcessors(),
            System.getProperty("os.name"),
            System.getProperty("os.arch"),
            System.getProperty("java.vm.version"));
  }

  /** Prints the tables, and writes everything where it was asked for. */
  void finish(Io io, Report report) throws IOException {
    print(io.out(), report);
    if (out != null) {
      report.write(out);
      io.err().println("wrote " + out.resolve("report.html"));
    }
  }

  private void print(PrintStream stream, Report report) throws JsonProcessingException {
    List<Report.Section> sections = report.sections();
    TableFormat format = table.format();
    if (format == TableFormat.JSON && sections.size() > 1) {
      Map<String, Object> tables = new LinkedHashMap<>();
      sections.forEach(section -> tables.put(section.name(), section.table().rows()));
      Json.print(stream, tables);
      return;
    }
    for (int i = 0; i < sections.size(); i++) {
      if (i > 0) {
        stream.println();
      }
      if (sections.size() > 1 && format != TableFormat.CSV) {
        stream.println((format == TableFormat.MD ? "## " : "") + sections.get(i).heading());
        stream.println();
      }
      stream.print(sections.get(i).table().render(format));
    }
  }
}
