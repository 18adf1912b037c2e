package io.calidrop.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Rows that all have the same columns.
 *
 * @param rows cells by column, in their order; null is an empty cell
 */
public record Table(List<Map<String, Object>> rows) {

  /** The table as text, whole lines. */
  public String render(TableFormat format) throws JsonProcessingException {
    if (format == TableFormat.JSON) {
      return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(rows)
          + System.lineSeparator();
    }
    if (rows.isEmpty()) {
      return "";
    }
    List<List<String>> lines = lines();
    StringBuilder out = new StringBuilder();
    int[] widths = widths(lines);
    for (int i = 0; i < lines.size(); i++) {
      List<String> cells = lines.get(i);
      out.append(
          switch (format) {
            case CSV -> join(cells, ",", Table::quoted);
            case MD -> "| " + join(padded(cells, widths), " | ", Function.identity()) + " |";
            default -> join(padded(cells, widths), "  ", Function.identity()).stripTrailing();
          });
      out.append(System.lineSeparator());
      if (i == 0 && format == TableFormat.MD) {
        out.append("|").append(join(cells, "|", cell -> "---")).append("|");
        out.append(System.lineSeparator());
      }
    }
    return out.toString();
  }

  /** A number with at most so many decimals. */
  public static double rounded(double x, int decimals) {
    double scale = Math.pow(10, decimals);
    return Math.round(x * scale) / scale;
  }

  /** The columns' names and each row's cells. */
  List<List<String>> lines() {
    List<List<String>> lines = new ArrayList<>();
    lines.add(List.copyOf(rows.getFirst().keySet()));
    rows.forEach(
        row -> lines.add(row.values().stream().map(cell -> Objects.toString(cell, "")).toList()));
    return lines;
  }

  private static List<String> padded(List<String> cells, int[] widths) {
    List<String> padded = new ArrayList<>();
    for (int i = 0; i < widths.length; i++) {
      padded.add(cells.get(i) + " ".repeat(widths[i] - cells.get(i).length()));
    }
    return padded;
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
    return cell.matches("(?s).*[\",\n\r].*") ? '"' + cell.replace("\"", "\"\"") + '"' : cell;
  }
}
