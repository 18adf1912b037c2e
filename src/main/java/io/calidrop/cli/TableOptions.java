package io.calidrop.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import picocli.CommandLine.Option;

/** How a table is printed. */
final class TableOptions {
  /** Formats of a table. */
  enum Format {
    TABLE,
    MD,
    CSV,
    JSON
  }

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      defaultValue = "table",
      description = "table (default), md, csv, json.")
  private Format format;

  @Option(names = "--json", description = "Short for --format json.")
  private boolean json;

  boolean isJson() {
    return json || format == Format.JSON;
  }

  /** Whether a command may print what reads best in a terminal. */
  boolean isTable() {
    return !json && format == Format.TABLE;
  }

  /** Prints rows that all have the same columns. */
  void print(PrintStream out, List<Map<String, Object>> rows) throws JsonProcessingException {
    if (isJson()) {
      Json.print(out, rows);
      return;
    }
    if (rows.isEmpty()) {
      return;
    }
    List<List<String>> lines = new ArrayList<>();
    lines.add(List.copyOf(rows.getFirst().keySet()));
    rows.forEach(
        row -> lines.add(row.values().stream().map(cell -> Objects.toString(cell, "")).toList()));
    if (format == Format.CSV) {
      lines.forEach(line -> out.println(join(line, ",", TableOptions::quoted)));
      return;
    }
    int[] widths = widths(lines);
    for (int i = 0; i < lines.size(); i++) {
      out.println(aligned(lines.get(i), widths));
      if (i == 0 && format == Format.MD) {
        out.println("|" + join(lines.get(i), "|", cell -> "---") + "|");
      }
    }
  }

  private String aligned(List<String> cells, int[] widths) {
    StringBuilder line = new StringBuilder(format == Format.MD ? "| " : "");
    for (int i = 0; i < cells.size(); i++) {
      line.append(cells.get(i)).repeat(' ', widths[i] - cells.get(i).length());
      line.append(format == Format.MD ? " | " : "  ");
    }
    return line.toString().stripTrailing();
  }

  private static int[] widths(List<List<String>> lines) {
    int[] widths = new int[lines.getFirst().size()];
    for (List<String> line : lines) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], line.get(i).length());
      }
    }
    return widths;
  }

  private static String join(List<String> cells, String separator, Function<String, String> form) {
    return cells.stream().map(form).collect(Collectors.joining(separator));
  }

  private static String quoted(String cell) {
    return cell.matches("(?s).*[\",\n].*") ? '"' + cell.replace("\"", "\"\"") + '"' : cell;
  }
}
