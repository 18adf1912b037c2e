package io.calidrop.eval;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.CalibrationOptions.Off;
import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.attention.QuerySample;
import io.calidrop.report.Table;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * One way to keep a cache, as a row of a table.
 *
 * @param policy name of the policy
 * @param budget rows that the user asked for, or 0
 * @param bytes that the user asked for, or 0
 * @param form the calibration, and what else distinguishes the row: {@link #FULL}, {@link
 *     #EQUAL_BYTES}, {@link #BEST_PLAIN}, {@link #PLANNED}
 * @param options how the cache is kept
 */
public record CacheSetting(
    String policy, int budget, long bytes, String form, CacheOptions options) {
  /** No bound: every token is kept. */
  public static final String FULL = "full";

  /** No calibration, and as many more rows as the calibration's bytes would hold. */
  public static final String EQUAL_BYTES = "off, same bytes";

  /** No calibration, and the formats that all the bytes are best spent on; perhaps no bound. */
  public static final String BEST_PLAIN = "off, best types, same bytes";

  private static final double MEBIBYTE = 1 << 20;

  /** What a plan made of some bytes. */
  private static final String PLANNED = ", planned";

  /** The full cache. */
  public static CacheSetting full(CacheOptions options) {
    return new CacheSetting(FULL, 0, 0, FULL, options);
  }

  static CacheSetting bounded(String policy, int budget, CacheOptions options) {
    return new CacheSetting(policy, budget, 0, form(options), options);
  }

  /** Without calibration, at the bytes of another setting. */
  static CacheSetting plain(String policy, int budget, String form, CacheOptions options) {
    return new CacheSetting(policy, budget, 0, form, options);
  }

  /** What fits into some bytes. */
  static CacheSetting fitted(String policy, long bytes, CacheOptions options) {
    return new CacheSetting(policy, 0, bytes, form(options), options);
  }

  static CacheSetting planned(long bytes, CacheOptions options) {
    String form = options.budget().isEmpty() ? FULL : form(options);
    return new CacheSetting(options.policy().name(), 0, bytes, form + PLANNED, options);
  }

  private static String form(CacheOptions options) {
    CalibrationOptions calibration = options.calibration();
    String name = calibration.mode().toString().toLowerCase(Locale.ROOT);
    String recall = options.store().map(store -> ", recall " + store.recall()).orElse("");
    return switch (calibration) {
      case Off off -> name + recall;
      case Fold fold -> name + " " + numbers(fold) + recall;
      case Paper paper -> name + " " + paper.recomputeThreshold();
    };
  }

  /** What distinguishes a fold from others. */
  static String numbers(Fold fold) {
    QuerySample queries = fold.queries();
    return "%d/%d/%d".formatted(fold.rows(), queries.window(), queries.samples());
  }

  /** Rows that the cache keeps, or 0 for all. */
  public int rows() {
    return options.budget().map(CacheBudget::rows).orElse(0);
  }

  public Mode mode() {
    return options.calibration().mode();
  }

  /** Number formats of keys and values. */
  public String types() {
    return options.kvTypes().toString().toLowerCase(Locale.ROOT);
  }

  /** The line of a chart that the setting is a point of, whatever bytes it takes. */
  public String line() {
    if (isPlanned()) {
      return "planned";
    }
    return isFull()
        ? FULL + ", each format"
        : "%s, %s, %s".formatted(policy, form(options), types());
  }

  public boolean isPlanned() {
    return form.endsWith(PLANNED);
  }

  /** The setting in a few words, different for each of a grid. */
  public String key() {
    return form.equals(FULL)
        ? FULL + " " + types()
        : "%s %s %s %s".formatted(policy, asked(), form, types());
  }

  /** The setting as the first columns of a table. */
  public Map<String, Object> columns() {
    Map<String, Object> columns = new LinkedHashMap<>();
    columns.put("policy", policy);
    columns.put("types", types());
    columns.put("budget", form.equals(FULL) ? null : asked());
    columns.put("rows", isFull() ? null : rows());
    columns.put("calidrop", form.equals(FULL) ? null : form);
    return columns;
  }

  /** Rows, or bytes as a reader is told. */
  private Object asked() {
    return budget > 0 ? (Object) budget : Table.rounded(bytes / MEBIBYTE, 3) + " MiB";
  }

  public boolean isFull() {
    return options.budget().isEmpty();
  }
}
