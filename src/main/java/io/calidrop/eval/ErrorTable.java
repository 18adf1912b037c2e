package io.calidrop.eval;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.report.Chart;
import io.calidrop.report.Report;
import io.calidrop.report.Table;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Results of {@link AttentionError} by setting, averaged over places of texts. For one thread at a
 * time.
 */
public final class ErrorTable implements ResultTable {
  private final List<CacheSetting> settings;
  private final Map<String, Sum> sums = new LinkedHashMap<>();

  /** Sums over places. */
  private static final class Sum {
    private double[][] errors; // [layers][heads]
    private double[] calibrated; // [layers]
    private double[] recomputed; // [layers]
    private double[] skipped; // [layers]
    private int count;

    void add(Map<String, Object> cells) {
      List<?> layers = (List<?>) cells.get("errors");
      if (errors == null) {
        errors = new double[layers.size()][((List<?>) layers.getFirst()).size()];
        calibrated = new double[errors.length];
        recomputed = new double[errors.length];
        skipped = new double[errors.length];
      }
      for (int layer = 0; layer < errors.length; layer++) {
        add(errors[layer], (List<?>) layers.get(layer));
      }
      add(calibrated, (List<?>) cells.get("calibrated"));
      add(recomputed, (List<?>) cells.get("recomputed"));
      add(skipped, (List<?>) cells.get("skipped"));
      count++;
    }

    private static void add(double[] to, List<?> numbers) {
      for (int i = 0; i < numbers.size(); i++) {
        to[i] += ((Number) numbers.get(i)).doubleValue();
      }
    }

    double error(int layer, int head) {
      return errors[layer][head] / count;
    }

    /** Mean over a layer's heads. */
    double error(int layer) {
      return IntStream.range(0, errors[layer].length).mapToDouble(h -> error(layer, h)).sum()
          / errors[layer].length;
    }

    double most() {
      return IntStream.range(0, errors.length)
          .mapToDouble(
              l ->
                  IntStream.range(0, errors[l].length)
                      .mapToDouble(h -> error(l, h))
                      .max()
                      .orElse(0))
          .max()
          .orElse(0);
    }

    double mean() {
      return IntStream.range(0, errors.length).mapToDouble(this::error).sum() / errors.length;
    }
  }

  /**
   * @param settings in the order of the table
   */
  public ErrorTable(List<CacheSetting> settings) {
    this.settings = settings;
  }

  /** A result as numbers by name, to be kept in a log and {@link #add added} later. */
  public static Map<String, Object> cells(AttentionError.Result result) {
    List<CacheStatistics> layers = result.layers();
    Map<String, Object> cells = new LinkedHashMap<>();
    cells.put("errors", result.errors());
    cells.put("calibrated", layers.stream().map(CacheStatistics::calibrated).toList());
    cells.put("recomputed", layers.stream().map(CacheStatistics::recomputed).toList());
    cells.put("skipped", layers.stream().map(CacheStatistics::skipped).toList());
    return cells;
  }

  @Override
  public void add(String text, CacheSetting setting, Map<String, Object> cells) {
    sums.computeIfAbsent(setting.key(), k -> new Sum()).add(cells);
  }

  /** Adds a table of means, one by layer, one of actions by layer, and a map of heads for each. */
  @Override
  public void addTo(Report report) {
    List<Map<String, Object>> means = new ArrayList<>();
    List<Chart> maps = new ArrayList<>();
    double most = sums.values().stream().mapToDouble(Sum::most).max().orElseThrow();
    for (CacheSetting setting : settings) {
      Map<String, Object> row = setting.columns();
      row.put("error", Table.rounded(sums.get(setting.key()).mean(), 4));
      means.add(row);
      maps.add(heatMap(setting, maps.size() + 1, most));
    }
    report.add(
        new Report.Section(
            "error",
            "Error of attention outputs",
            "sum |o - o_full| / sum |o_full|, mean over layers and heads.",
            new Table(means),
            maps));
    report.add(
        new Report.Section(
            "error-layers",
            "By layer",
            "Mean over a layer's heads. Errors of lower layers pass on to higher ones.",
            new Table(layers()),
            List.of(lines())));
    report.add(
        new Report.Section(
            "actions",
            "Actions by layer",
            "Shares of evicted rows that calibration stood in for (calibrated), that were read "
                + "(recomputed) or left out (skipped).",
            new Table(actions()),
            List.of()));
  }

  private Chart heatMap(CacheSetting setting, int number, double most) {
    Sum sum = sums.get(setting.key());
    int layers = sum.errors.length;
    int heads = sum.errors[0].length;
    double[][] values = new double[layers][heads];
    for (int layer = 0; layer < layers; layer++) {
      for (int head = 0; head < heads; head++) {
        values[layer][head] = sum.error(layer, head);
      }
    }
    return new Chart.HeatMap(
        "error-map-" + number,
        "Error by layer and head: " + setting.key(),
        "head",
        "layer",
        names(heads),
        names(layers),
        values,
        most);
  }

  private static List<String> names(int count) {
    return IntStream.range(0, count).mapToObj(String::valueOf).toList();
  }

  private List<Map<String, Object>> layers() {
    List<Map<String, Object>> rows = new ArrayList<>();
    int layers = sums.get(settings.getFirst().key()).errors.length;
    for (int layer = 0; layer < layers; layer++) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("layer", layer);
      for (CacheSetting setting : settings) {
        row.put(setting.key(), Table.rounded(sums.get(setting.key()).error(layer), 4));
      }
      rows.add(row);
    }
    return rows;
  }

  private Chart lines() {
    List<Chart.Series> series = new ArrayList<>();
    for (CacheSetting setting : settings) {
      Sum sum = sums.get(setting.key());
      List<Double> x = new ArrayList<>();
      List<Double> y = new ArrayList<>();
      for (int layer = 0; layer < sum.errors.length; layer++) {
        x.add((double) layer);
        y.add(sum.error(layer));
      }
      series.add(
          new Chart.Series(
              setting.key(), setting.form(), setting.mode() == Mode.OFF, x, y, List.of()));
    }
    return new Chart.Lines(
        "error-layers", "Error by layer", "layer", "error", Chart.Scale.LINEAR, series);
  }

  private List<Map<String, Object>> actions() {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (CacheSetting setting : settings) {
      if (setting.mode() != Mode.PAPER && setting.options().store().isEmpty()) {
        continue;
      }
      Sum sum = sums.get(setting.key());
      for (int layer = 0; layer < sum.errors.length; layer++) {
        double all = sum.calibrated[layer] + sum.recomputed[layer] + sum.skipped[layer];
        Map<String, Object> row = setting.columns();
        row.put("layer", layer);
        row.put("calibrated", all == 0 ? null : Table.rounded(sum.calibrated[layer] / all, 4));
        row.put("recomputed", all == 0 ? null : Table.rounded(sum.recomputed[layer] / all, 4));
        row.put("skipped", all == 0 ? null : Table.rounded(sum.skipped[layer] / all, 4));
        rows.add(row);
      }
    }
    return rows;
  }
}
