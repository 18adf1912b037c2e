package io.calidrop.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.report.Table;
import io.calidrop.report.TableFormat;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** How a table is printed. */
@HelpGroup(Heading.OUTPUT)
final class TableFlags {
  @Option(
      names = "--format",
      completionCandidates = Names.TableFormats.class,
      paramLabel = "FORMAT",
      defaultValue = "table",
      description = "table, md, csv, json. Default: ${DEFAULT-VALUE}.")
  private TableFormat format;

  @Option(names = "--json", description = "Short for --format json.")
  private boolean json;

  boolean isJson() {
    return format() == TableFormat.JSON;
  }

  /** Whether a command may print what reads best in a terminal. */
  boolean isTable() {
    return format() == TableFormat.TABLE;
  }

  TableFormat format() {
    return json ? TableFormat.JSON : format;
  }

  /** Prints rows that all have the same columns. */
  void print(PrintStream out, List<Map<String, Object>> rows) throws JsonProcessingException {
    out.print(new Table(rows).render(format()));
  }
}
