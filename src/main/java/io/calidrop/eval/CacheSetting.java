package io.calidrop.eval;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.CalibrationOptions.Off;
import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.QuerySample;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * One way to keep a cache, as a row of a table.
 *
 * @param policy name of the policy
 * @param budget rows that the user asked for
 * @param form the calibration, or what else distinguishes the row: {@link #FULL}, {@link
 *     #EQUAL_BYTES}
 * @param options how the cache is kept
 */
public record CacheSetting(String policy, int budget, String form, CacheOptions options) {
  /** No bound: what the others are compared with. */
  public static final String FULL = "full";

  /** No calibration, and as many more rows as the calibration's bytes would hold. */
  public static final String EQUAL_BYTES = "off, same bytes";

  /** The full cache. */
  public static CacheSetting full(CacheOptions options) {
    return new CacheSetting(FULL, 0, FULL, options);
  }

  /** The full cache in other formats than those of the one that all are compared with. */
  public static CacheSetting full(KvTypes types) {
    String form = types.toString().toLowerCase(Locale.ROOT);
    return new CacheSetting(FULL, 0, form, CacheOptions.full(types));
  }

  static CacheSetting bounded(String policy, int budget, CacheOptions options) {
    return new CacheSetting(policy, budget, form(options), options);
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

  /** Rows that the cache keeps. */
  public int rows() {
    return options.budget().map(CacheBudget::rows).orElse(0);
  }

  public Mode mode() {
    return options.calibration().mode();
  }

  /** The setting in a few words, different for each of a grid. */
  public String key() {
    return isFull() ? FULL : policy + " " + budget + " " + form;
  }

  /** The setting as the first columns of a table. */
  public Map<String, Object> columns() {
    Map<String, Object> columns = new LinkedHashMap<>();
    columns.put("policy", policy);
    columns.put("budget", budget);
    columns.put("rows", rows());
    columns.put("calidrop", form);
    return columns;
  }

  public boolean isFull() {
    return form.equals(FULL);
  }
}
