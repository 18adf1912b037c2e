package io.calidrop.eval;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.CalibrationOptions.Off;
import io.calidrop.attention.CalibrationOptions.References;
import io.calidrop.attention.QuerySample;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * One way to keep a cache, as a row of a table.
 *
 * @param policy name of the policy, or what chose it
 * @param budget rows that the user asked for, or 0 where bytes were asked for
 * @param form the calibration, or what else distinguishes the row: {@link #FULL}, {@link
 *     #EQUAL_BYTES}, {@link #BEST_PLAIN}
 * @param options how the cache is kept
 */
public record CacheSetting(String policy, int budget, String form, CacheOptions options) {
  /** No bound: every token is kept. */
  public static final String FULL = "full";

  /** No calibration, and as many more rows as the calibration's bytes would hold. */
  public static final String EQUAL_BYTES = "off, same bytes";

  /** What all those bytes are best spent on without calibration: other formats, perhaps no end. */
  public static final String BEST_PLAIN = "off, best types, same bytes";

  /** The full cache. */
  public static CacheSetting full(CacheOptions options) {
    return new CacheSetting(FULL, 0, FULL, options);
  }

  static CacheSetting bounded(String policy, int budget, CacheOptions options) {
    return new CacheSetting(policy, budget, form(options.calibration()), options);
  }

  /** What a plan chose for some bytes. */
  static CacheSetting planned(String size, CacheOptions options) {
    boolean full = options.budget().isEmpty();
    return new CacheSetting(
        "%s: %s".formatted(size, options.policy().name()),
        0,
        full ? FULL : form(options.calibration()),
        options);
  }

  private static String form(CalibrationOptions calibration) {
    String name = calibration.mode().toString().toLowerCase(Locale.ROOT);
    return switch (calibration) {
      case Off off -> name;
      case Fold fold -> name + " " + numbers(fold);
      case References references -> name + " " + references.recomputeThreshold();
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

  /** What is kept and how, whatever was asked for: the same for points of one line of a chart. */
  public String plan() {
    return isFull()
        ? FULL + ", " + types()
        : "%s, %s, %s".formatted(options.policy().name(), form(options.calibration()), types());
  }

  /** The setting in a few words, different for each of a grid. */
  public String key() {
    String rows = budget > 0 ? String.valueOf(budget) : "of " + rows();
    return isFull() && policy.equals(FULL)
        ? FULL + " " + types()
        : "%s %s %s %s".formatted(policy, rows, form, types());
  }

  /** The setting as the first columns of a table. */
  public Map<String, Object> columns() {
    Map<String, Object> columns = new LinkedHashMap<>();
    columns.put("policy", policy);
    columns.put("types", types());
    columns.put("budget", budget > 0 ? budget : null);
    columns.put("rows", isFull() ? null : rows());
    columns.put("calidrop", form.equals(FULL) ? null : form);
    return columns;
  }

  public boolean isFull() {
    return options.budget().isEmpty();
  }
}
