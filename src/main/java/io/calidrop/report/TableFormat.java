package io.calidrop.report;

/** How a table is written. */
public enum TableFormat {
  /** Aligned columns, for a terminal. */
  TABLE,
  /** Markdown. */
  MD,
  /** Comma-separated values (RFC 4180). */
  CSV,
  /** An array of objects. */
  JSON
}
