package io.calidrop.eval;

import io.calidrop.report.Report;
import java.util.Map;

/** What the results of a grid add up to. For one thread at a time. */
public interface ResultTable {
  /**
   * Adds a setting's result at one place of a text.
   *
   * @param cells as the same table made them
   */
  void add(String text, CacheSetting setting, Map<String, Object> cells);

  /** Adds the tables with their charts. */
  void addTo(Report report);
}
