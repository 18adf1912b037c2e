package io.calidrop.eval;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.report.Chart;
import io.calidrop.report.Report;
import io.calidrop.report.Table;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * Results of {@link CacheQuality} by text and setting, averaged over places of a text. For one
 * thread at a time.
 */
public final class QualityTable implements ResultTable {
  private static final double MEBIBYTE = 1 << 20;

  private final List<CacheSetting> settings;
  private final Map<String, Map<String, Mean>> texts = new LinkedHashMap<>();

  /** Sums over the places of a text. */
  private static final class Mean {
    private final Map<String, Double> sums = new LinkedHashMap<>();
    private int count;

    void add(Map<String, Object> cells) {
      cells.forEach((name, cell) -> sums.merge(name, ((Number) cell).doubleValue(), Double::sum));
      count++;
    }

    boolean has(String name) {
      return sums.containsKey(name);
    }

    double get(String name) {
      return sums.get(name) / count;
    }
  }

  /**
   * @param settings in the order of the table
   */
  public QualityTable(List<CacheSetting> settings) {
    this.settings = settings;
  }

  /**
   * A result as numbers by name, to be kept in a log and {@link #add added} later.
   *
   * @param without perplexity without any context
   */
  public static Map<String, Object> cells(CacheQuality.Result result, double without) {
    CacheStatistics cache = result.cache();
    long evicted = cache.recomputed() + cache.skipped() + cache.calibrated();
    Map<String, Object> cells = new LinkedHashMap<>();
    cells.put("kl", result.divergence());
    if (!Double.isNaN(result.late())) {
      cells.put("klEarly", result.early());
      cells.put("klLate", result.late());
    }
    cells.put("kl95", result.divergence95());
    cells.put("top", result.equalArgmax());
    cells.put("agreement", result.agreement());
    cells.put("loss", Math.log(result.perplexity()));
    cells.put("lossFull", Math.log(result.fullPerplexity()));
    cells.put("lossWithout", Math.log(without));
    cells.put("recomputed", evicted == 0 ? 0.0 : (double) cache.recomputed() / evicted);
    cells.put(
        "rowsRead", cache.kept() + cache.calibrationRows() + cache.perLook(cache.recomputed()));
    cells.put("activeBytes", cache.activeBytes());
    cells.put("calibrationBytes", cache.calibrationBytes());
    cells.put("storeBytes", cache.storedBytes() + cache.sketchBytes());
    return cells;
  }

  @Override
  public void add(String text, CacheSetting setting, Map<String, Object> cells) {
    texts
        .computeIfAbsent(text, t -> new LinkedHashMap<>())
        .computeIfAbsent(setting.key(), k -> new Mean())
        .add(cells);
  }

  /** Adds a section for each text. */
  @Override
  public void addTo(Report report) {
    int number = 0;
    for (Map.Entry<String, Map<String, Mean>> text : texts.entrySet()) {
      String suffix = texts.size() == 1 ? "" : "-" + ++number;
      report.add(
          new Report.Section(
              "quality" + suffix,
              text.getKey(),
              "KL: divergence from the full cache, nats a token (early: of the first "
                  + CacheQuality.EARLY
                  + " tokens after the prompt, later: of the others); same top: share of equal likeliest "
                  + "tokens; agreement: greedy tokens in common, at most 128; none: perplexity "
                  + "without any context; recomputed: share of evicted rows that were read; MiB at the end of the text. Means over the places of the "
                  + "text (of the logarithm for perplexities).",
              new Table(rows(text.getValue())),
              charts(suffix, text.getKey(), text.getValue())));
    }
  }

  private List<Map<String, Object>> rows(Map<String, Mean> means) {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (CacheSetting setting : settings) {
      Mean mean = means.get(setting.key());
      Map<String, Object> row = setting.columns();
      row.put("KL", Table.rounded(mean.get("kl"), 4));
      if (mean.has("klLate")) {
        row.put("KL early", Table.rounded(mean.get("klEarly"), 4));
        row.put("KL later", Table.rounded(mean.get("klLate"), 4));
      }
      row.put("KL 95%", Table.rounded(mean.get("kl95"), 3));
      row.put("same top", Table.rounded(mean.get("top"), 3));
      row.put("agreement", Table.rounded(mean.get("agreement"), 1));
      row.put("perplexity", Table.rounded(Math.exp(mean.get("loss")), 3));
      row.put("full", Table.rounded(Math.exp(mean.get("lossFull")), 3));
      row.put("none", Table.rounded(Math.exp(mean.get("lossWithout")), 3));
      boolean reads = setting.options().store().isPresent();
      row.put("recomputed", reads ? Table.rounded(mean.get("recomputed"), 3) : null);
      row.put("cache MiB", Table.rounded(mean.get("activeBytes") / MEBIBYTE, 1));
      row.put("calibration MiB", Table.rounded(mean.get("calibrationBytes") / MEBIBYTE, 1));
      row.put("store MiB", Table.rounded(mean.get("storeBytes") / MEBIBYTE, 1));
      rows.add(row);
    }
    return rows;
  }

  private List<Chart> charts(String suffix, String text, Map<String, Mean> means) {
    ToDoubleFunction<CacheSetting> mebibytes =
        setting -> {
          Mean mean = means.get(setting.key());
          return (mean.get("activeBytes") + mean.get("calibrationBytes") + mean.get("storeBytes"))
              / MEBIBYTE;
        };
    List<CacheSetting> some =
        settings.stream().filter(s -> means.get(s.key()).get("kl") > 0).toList();
    List<Chart> charts = new ArrayList<>();
    charts.add(
        new Chart.Lines(
            "kl-bytes" + suffix,
            "Divergence by all bytes, " + text,
            "cache, calibration and store (MiB)",
            "KL (nats a token)",
            Chart.Scale.LOGARITHMIC,
            series(some, mebibytes, means)));
    List<CacheSetting> bounded =
        some.stream().filter(s -> !s.isFull() && means.get(s.key()).has("rowsRead")).toList();
    if (!bounded.isEmpty()) {
      charts.add(
          new Chart.Lines(
              "kl-rows" + suffix,
              "Divergence by rows that a token reads, " + text,
              "rows of the cache, fitted ones and those read of the store, at the end",
              "KL (nats a token)",
              Chart.Scale.LOGARITHMIC,
              series(bounded, setting -> means.get(setting.key()).get("rowsRead"), means)));
    }
    return charts;
  }

  /** A line for each way to keep a cache, its points by rising {@code x}. */
  private static List<Chart.Series> series(
      List<CacheSetting> settings, ToDoubleFunction<CacheSetting> x, Map<String, Mean> means) {
    Map<String, List<CacheSetting>> lines = new LinkedHashMap<>();
    for (CacheSetting setting : settings) {
      lines.computeIfAbsent(setting.line(), l -> new ArrayList<>()).add(setting);
    }
    List<Chart.Series> series = new ArrayList<>();
    lines.forEach(
        (label, points) -> {
          points.sort(Comparator.comparingDouble(x));
          series.add(
              new Chart.Series(
                  label,
                  label,
                  points.getFirst().mode() == Mode.OFF && !points.getFirst().isPlanned(),
                  points.stream().map(x::applyAsDouble).toList(),
                  points.stream().map(s -> means.get(s.key()).get("kl")).toList(),
                  List.of()));
        });
    return series;
  }
}
