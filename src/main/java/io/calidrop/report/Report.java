package io.calidrop.report;

import io.calidrop.template.Template;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What an evaluation found: tables and charts, written as files and as one page that holds all. For
 * one thread at a time.
 */
public final class Report {
  private static final String PAGE = "report.html.jinja";

  private final String title;
  private final Map<String, Object> provenance;
  private final List<Section> sections = new ArrayList<>();

  /**
   * A table with its charts.
   *
   * @param name of the table's files
   * @param text what the columns mean
   */
  public record Section(
      String name, String heading, String text, Table table, List<Chart> charts) {}

  /**
   * @param provenance what the results depend on, in the order to show it
   */
  public Report(String title, Map<String, Object> provenance) {
    this.title = title;
    this.provenance = provenance;
  }

  /** Adds a table with its charts; without rows, or a chart without points, it is left out. */
  public void add(Section section) {
    if (!section.table().rows().isEmpty()) {
      sections.add(section);
    }
  }

  /** The tables in their order. */
  public List<Section> sections() {
    return List.copyOf(sections);
  }

  /**
   * Writes each table as CSV, Markdown and JSON, each chart as PNG and SVG, and {@code report.html}
   * with all of them and the provenance, which needs no other file.
   */
  public void write(Path directory) throws IOException {
    Files.createDirectories(directory);
    for (Section section : sections) {
      for (TableFormat format : List.of(TableFormat.CSV, TableFormat.MD, TableFormat.JSON)) {
        String extension = format.toString().toLowerCase(Locale.ROOT);
        Files.writeString(
            directory.resolve(section.name() + "." + extension), section.table().render(format));
      }
    }
    List<Map<String, Object>> shown = new ArrayList<>();
    try {
      for (Section section : sections) {
        shown.add(show(section, directory));
      }
    } catch (LinkageError | InternalError | RuntimeException e) {
      throw new IOException(
          "the tables are in %s, but charts cannot be drawn (%s): they need a whole JDK, not a headless one, and a font"
              .formatted(directory, e),
          e);
    }
    Map<String, String> facts = new LinkedHashMap<>();
    provenance.forEach((name, value) -> facts.put(name, String.valueOf(value)));
    Map<String, Object> values = Map.of("title", title, "provenance", facts, "sections", shown);
    String html = Template.of(page()).render(values, Clock.systemDefaultZone());
    Files.writeString(directory.resolve("report.html"), html + "\n");
  }

  private static Map<String, Object> show(Section section, Path directory) throws IOException {
    List<Map<String, Object>> charts = new ArrayList<>();
    for (Chart chart : section.charts()) {
      Files.write(directory.resolve(chart.name() + ".png"), ChartImages.png(chart));
      byte[] svg = ChartImages.svg(chart);
      Files.write(directory.resolve(chart.name() + ".svg"), svg);
      charts.add(Map.of("title", chart.title(), "svg", Base64.getEncoder().encodeToString(svg)));
    }
    List<List<String>> lines = section.table().lines();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("heading", section.heading());
    values.put("text", section.text());
    values.put("columns", lines.getFirst());
    values.put("rows", lines.subList(1, lines.size()));
    values.put("charts", charts);
    return values;
  }

  private static String page() {
    try (InputStream in = Report.class.getResourceAsStream(PAGE)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
