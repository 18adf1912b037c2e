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
import java.util.function.Function;
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
    cells.put("kl95", result.divergence95());
    cells.put("top", result.equalArgmax());
    cells.put("agreement", result.agreement());
    cells.put("loss", Math.log(result.perplexity()));
    cells.put("lossFull", Math.log(result.fullPerplexity()));
    cells.put("lossWithout", Math.log(without));
    cells.put("recomputed", evicted == 0 ? 0.0 : (double) cache.recomputed() / evicted);
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
              "KL: divergence from the full cache, nats a token; same top: share of equal likeliest "
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
    List<Chart> charts = new ArrayList<>();
    List<CacheSetting> plainAndFold =
        settings.stream()
            .filter(s -> s.mode() == Mode.OFF && isPlain(s) || s.mode() == Mode.FOLD)
            .toList();
    ToDoubleFunction<CacheSetting> bytes =
        s -> {
          Mean mean = means.get(s.key());
          return (mean.get("activeBytes") + mean.get("calibrationBytes")) / MEBIBYTE;
        };
    charts.add(
        new Chart.Lines(
            "kl-budget" + suffix,
            "Divergence by budget, " + text,
            "budget (rows)",
            "KL (nats a token)",
            true,
            lines(
                plainAndFold.stream().filter(s -> s.budget() > 0).toList(),
                CacheSetting::budget,
                means)));
    charts.add(
        new Chart.Lines(
            "kl-bytes" + suffix,
            "Divergence by bytes, " + text,
            "cache and calibration (MiB)",
            "KL (nats a token)",
            false,
            lines(plainAndFold, bytes, means)));
    String first = settings.getFirst().policy();
    List<CacheSetting> forms = settings.stream().filter(s -> s.policy().equals(first)).toList();
    charts.add(
        new Chart.Lines(
            "kl-forms" + suffix,
            "Forms of calibration with %s, %s".formatted(first, text),
            "budget (rows)",
            "KL (nats a token)",
            true,
            forms(forms, means)));
    return charts;
  }

  private static boolean isPlain(CacheSetting setting) {
    return setting.rows() == setting.budget();
  }

  private static List<Chart.Series> lines(
      List<CacheSetting> settings, ToDoubleFunction<CacheSetting> x, Map<String, Mean> means) {
    Map<String, List<CacheSetting>> lines = new LinkedHashMap<>();
    for (CacheSetting setting : settings) {
      String line =
          setting.budget() == 0 ? setting.policy() : setting.policy() + ", " + setting.form();
      lines.computeIfAbsent(line, l -> new ArrayList<>()).add(setting);
    }
    return series(lines, CacheSetting::policy, x, means);
  }

  private static List<Chart.Series> forms(List<CacheSetting> settings, Map<String, Mean> means) {
    Map<String, List<CacheSetting>> lines = new LinkedHashMap<>();
    for (CacheSetting setting : settings) {
      lines.computeIfAbsent(setting.form(), l -> new ArrayList<>()).add(setting);
    }
    return series(lines, CacheSetting::form, CacheSetting::budget, means);
  }

  private static List<Chart.Series> series(
      Map<String, List<CacheSetting>> lines,
      Function<CacheSetting, String> group,
      ToDoubleFunction<CacheSetting> x,
      Map<String, Mean> means) {
    List<Chart.Series> series = new ArrayList<>();
    lines.forEach(
        (label, line) ->
            series.add(
                new Chart.Series(
                    label,
                    group.apply(line.getFirst()),
                    line.getFirst().mode() == Mode.OFF,
                    line.stream().map(x::applyAsDouble).toList(),
                    line.stream().map(s -> means.get(s.key()).get("kl")).toList(),
                    List.of())));
    return series;
  }
}
