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
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Results of {@link CacheCost} by setting and position, averaged over places of texts. For one
 * thread at a time.
 */
public final class CostTable {
  private static final double MEBIBYTE = 1 << 20;

  private final List<CacheSetting> settings;
  private final String note;
  private final Map<String, TreeMap<Integer, Map<String, Double>>> means = new LinkedHashMap<>();

  /**
   * @param settings in the order of the table
   * @param note what a reader must know besides
   */
  public CostTable(List<CacheSetting> settings, String note) {
    this.settings = settings;
    this.note = note;
  }

  /** A point as numbers by name, to be kept in a log and {@link #add added} later. */
  public static Map<String, Object> cells(CacheCost.Point point) {
    CacheStatistics cache = point.cache();
    Map<String, Object> cells = new LinkedHashMap<>();
    cells.put("position", point.position());
    cells.put("prefill", point.prefillRate());
    cells.put("firstToken", point.firstTokenSeconds());
    cells.put("decode", point.decodeRate());
    cells.put("activeBytes", cache.activeBytes());
    cells.put("calibrationBytes", cache.calibrationBytes());
    cells.put("storeBytes", cache.storedBytes() + cache.sketchBytes());
    cells.put("residentBytes", point.residentBytes());
    return cells;
  }

  /** Adds a point. */
  public void add(CacheSetting setting, Map<String, Object> cells) {
    Map<String, Double> sums =
        means
            .computeIfAbsent(setting.key(), k -> new TreeMap<>())
            .computeIfAbsent(
                ((Number) cells.get("position")).intValue(), p -> new LinkedHashMap<>());
    cells.forEach((name, cell) -> sums.merge(name, ((Number) cell).doubleValue(), Double::sum));
    sums.merge("count", 1.0, Double::sum);
  }

  /** Adds the table with its charts. */
  public void addTo(Report report) {
    report.add(
        new Report.Section(
            "cost",
            "Cost by position",
            ("Prefill: tokens a second since the position before; first token: seconds from the "
                    + "beginning of a prompt that long; decode: tokens a second, one at a time; "
                    + "resident: the whole process, which keeps what earlier rows needed. "
                    + note)
                .strip(),
            new Table(rows()),
            List.of(
                chart(
                    "decode-position", "Decoding by position", "tokens/s", m -> mean(m, "decode")),
                chart(
                    "prefill-position", "Prefill by position", "tokens/s", m -> mean(m, "prefill")),
                chart("bytes-position", "Cache by position", "MiB", CostTable::bytes))));
  }

  private static double mean(Map<String, Double> sums, String name) {
    return sums.get(name) / sums.get("count");
  }

  private static double bytes(Map<String, Double> sums) {
    double bytes =
        mean(sums, "activeBytes") + mean(sums, "calibrationBytes") + mean(sums, "storeBytes");
    return bytes / MEBIBYTE;
  }

  private List<Map<String, Object>> rows() {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (CacheSetting setting : settings) {
      means.get(setting.key()).forEach((position, sums) -> rows.add(row(setting, position, sums)));
    }
    return rows;
  }

  private static Map<String, Object> row(
      CacheSetting setting, int position, Map<String, Double> sums) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("policy", setting.policy());
    row.put("budget", setting.isFull() ? null : setting.budget());
    row.put("rows", setting.isFull() ? null : setting.rows());
    row.put("calidrop", setting.isFull() ? null : setting.form());
    row.put("position", position);
    row.put("prefill t/s", Table.rounded(mean(sums, "prefill"), 1));
    row.put("first token s", Table.rounded(mean(sums, "firstToken"), 2));
    row.put("decode t/s", Table.rounded(mean(sums, "decode"), 1));
    row.put("cache MiB", Table.rounded(mean(sums, "activeBytes") / MEBIBYTE, 1));
    row.put("calibration MiB", Table.rounded(mean(sums, "calibrationBytes") / MEBIBYTE, 1));
    row.put("store MiB", Table.rounded(mean(sums, "storeBytes") / MEBIBYTE, 1));
    double resident = mean(sums, "residentBytes");
    row.put("resident MiB", resident < 0 ? null : Math.round(resident / MEBIBYTE));
    return row;
  }

  private Chart chart(
      String name, String title, String y, Function<Map<String, Double>, Double> value) {
    List<Chart.Series> series = new ArrayList<>();
    for (CacheSetting setting : settings) {
      TreeMap<Integer, Map<String, Double>> points = means.get(setting.key());
      series.add(
          new Chart.Series(
              setting.key(),
              setting.policy(),
              !setting.isFull() && setting.mode() == Mode.OFF,
              points.keySet().stream().map(Integer::doubleValue).toList(),
              points.values().stream().map(value).toList(),
              List.of()));
    }
    return new Chart.Lines(name, title, "position", y, Chart.Scale.LOGARITHMIC_X, series);
  }
}
