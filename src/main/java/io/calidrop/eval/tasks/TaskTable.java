package io.calidrop.eval.tasks;

import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.eval.CacheSetting;
import io.calidrop.eval.Wilson;
import io.calidrop.report.Chart;
import io.calidrop.report.Report;
import io.calidrop.report.Table;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How many questions each setting answered, by task, length and order. For one thread at a time.
 */
public final class TaskTable {
  /** Least accuracy of the full cache at which a task says something about other caches. */
  private static final double MEASURABLE = 0.6;

  private final List<CacheSetting> settings;
  private final List<QuestionOrder> orders;
  private final Map<Cell, Count> full = new LinkedHashMap<>();
  private final Map<QuestionOrder, Map<Cell, Map<String, Count>>> counts = new LinkedHashMap<>();
  private final Map<QuestionOrder, RecallMaps> maps = new LinkedHashMap<>();

  /** A task at a length. */
  public record Cell(Task task, int length) {
    private String name() {
      return task.lowerCase();
    }
  }

  /** Answers. */
  static final class Count {
    private int right;
    private int asked;

    void add(int right, int asked) {
      this.right += right;
      this.asked += asked;
    }

    double accuracy() {
      return asked == 0 ? 0 : (double) right / asked;
    }

    Wilson interval() {
      return Wilson.of(right, asked);
    }
  }

  /**
   * @param settings in the order of the tables, without the full cache
   */
  public TaskTable(List<CacheSetting> settings, List<QuestionOrder> orders) {
    this.settings = settings;
    this.orders = orders;
  }

  /** Adds what the full cache answered of a document. */
  public void addFull(Cell cell, int right, int asked) {
    full.computeIfAbsent(cell, c -> new Count()).add(right, asked);
  }

  /** Whether the model solves a task often enough with the full cache, if that was asked. */
  public boolean isMeasurable(Cell cell) {
    return !full.containsKey(cell) || full.get(cell).accuracy() >= MEASURABLE;
  }

  /**
   * Adds what a setting answered of a document.
   *
   * @param depth of the document's only needle, or {@link TaskDocument#NO_DEPTH}
   */
  public void add(
      QuestionOrder order, Cell cell, int depth, CacheSetting setting, int right, int asked) {
    if (depth != TaskDocument.NO_DEPTH) {
      maps.computeIfAbsent(order, o -> new RecallMaps()).add(cell, depth, setting, right, asked);
    }
    counts
        .computeIfAbsent(order, o -> new LinkedHashMap<>())
        .computeIfAbsent(cell, c -> new LinkedHashMap<>())
        .computeIfAbsent(setting.key(), k -> new Count())
        .add(right, asked);
  }

  /** Adds the full cache's table, and for each order one of means and one of all. */
  public void addTo(Report report) {
    report.add(
        new Report.Section(
            "tasks-full",
            "Tasks with the full cache",
            "Exact answers with Wilson's 95 % interval. A task that the full cache solves less often "
                + "than 60 % of the time cannot be measured on this model, and is left out below.",
            new Table(fullRows()),
            List.of()));
    for (QuestionOrder order : orders) {
      Map<Cell, Map<String, Count>> cells = counts.getOrDefault(order, Map.of());
      if (cells.isEmpty()) {
        continue;
      }
      String name = order.toString().toLowerCase(Locale.ROOT);
      String when = order == QuestionOrder.AWARE ? "before" : "after";
      Map<String, Count> pooled = pooled(cells);
      report.add(
          new Report.Section(
              "tasks-" + name,
              "The question comes %s the compression: all measurable tasks".formatted(when),
              "Share of the questions that were answered exactly, with Wilson's 95 % interval.",
              new Table(means(pooled)),
              List.of(chart(name, when, pooled))));
      report.add(
          new Report.Section(
              "tasks-" + name + "-each",
              "The question comes %s the compression: each task".formatted(when),
              "As above; ± is half of the interval at its widest.",
              new Table(each(cells)),
              List.of()));
      if (maps.containsKey(order)) {
        report.add(
            new Report.Section(
                "recall-" + name,
                "The question comes %s the compression: recall by depth and length".formatted(when),
                "Share of the questions that were answered exactly, by the tokens of a document and by how many "
                    + "per cent of it stand before what is asked for.",
                new Table(maps.get(order).rows()),
                maps.get(order).charts("recall-" + name)));
      }
    }
  }

  private List<Map<String, Object>> fullRows() {
    List<Map<String, Object>> rows = new ArrayList<>();
    full.forEach(
        (cell, count) -> {
          Map<String, Object> row = new LinkedHashMap<>();
          row.put("task", cell.name());
          row.put("length", cell.length());
          putAccuracy(row, count);
          row.put("measurable", isMeasurable(cell) ? "yes" : "not measurable on this model");
          rows.add(row);
        });
    return rows;
  }

  private static void putAccuracy(Map<String, Object> row, Count count) {
    Wilson interval = count.interval();
    row.put("accuracy", Table.rounded(count.accuracy(), 3));
    row.put("low", Table.rounded(interval.low(), 3));
    row.put("high", Table.rounded(interval.high(), 3));
    row.put("questions", count.asked);
  }

  private static Map<String, Count> pooled(Map<Cell, Map<String, Count>> cells) {
    Map<String, Count> pooled = new LinkedHashMap<>();
    for (Map<String, Count> cell : cells.values()) {
      cell.forEach(
          (key, count) ->
              pooled.computeIfAbsent(key, k -> new Count()).add(count.right, count.asked));
    }
    return pooled;
  }

  private List<Map<String, Object>> means(Map<String, Count> pooled) {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (CacheSetting setting : settings) {
      Map<String, Object> row = setting.columns();
      putAccuracy(row, pooled.get(setting.key()));
      rows.add(row);
    }
    return rows;
  }

  private List<Map<String, Object>> each(Map<Cell, Map<String, Count>> cells) {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (CacheSetting setting : settings) {
      Map<String, Object> row = setting.columns();
      double widest = 0;
      for (Map.Entry<Cell, Map<String, Count>> cell : cells.entrySet()) {
        Count count = cell.getValue().get(setting.key());
        row.put(
            cell.getKey().name() + " " + cell.getKey().length(),
            Table.rounded(count.accuracy(), 3));
        Wilson interval = count.interval();
        widest = Math.max(widest, (interval.high() - interval.low()) / 2);
      }
      row.put("±", Table.rounded(widest, 3));
      rows.add(row);
    }
    return rows;
  }

  private Chart chart(String name, String when, Map<String, Count> pooled) {
    Map<String, List<CacheSetting>> lines = new LinkedHashMap<>();
    for (CacheSetting setting : settings) {
      String line = setting.policy() + ", " + setting.form();
      lines.computeIfAbsent(line, l -> new ArrayList<>()).add(setting);
    }
    List<Chart.Series> series = new ArrayList<>();
    lines.forEach(
        (label, line) -> {
          List<Count> all = line.stream().map(s -> pooled.get(s.key())).toList();
          series.add(
              new Chart.Series(
                  label,
                  line.getFirst().policy(),
                  line.getFirst().mode() == Mode.OFF,
                  line.stream().map(s -> (double) s.rows()).toList(),
                  all.stream().map(Count::accuracy).toList(),
                  all.stream().map(c -> (c.interval().high() - c.interval().low()) / 2).toList()));
        });
    return new Chart.Lines(
        "tasks-" + name,
        "Exact answers, the question %s the compression".formatted(when),
        "retained rows",
        "share answered",
        Chart.Scale.LOGARITHMIC_X,
        series);
  }
}
