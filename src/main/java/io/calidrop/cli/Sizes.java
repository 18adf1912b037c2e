package io.calidrop.cli;

import java.util.Locale;

/** Numbers for people. */
final class Sizes {
  private Sizes() {}

  /** A number of bytes in decimal units, as disks and downloads count. */
  static String bytes(long bytes) {
    return scaled(bytes, new String[] {" B", " kB", " MB", " GB", " TB"});
  }

  /** A number of things, such as parameters. */
  static String count(long count) {
    return scaled(count, new String[] {"", "K", "M", "B", "T"});
  }

  private static String scaled(long number, String[] units) {
    double value = number;
    int unit = 0;
    while (value >= 1000 && unit + 1 < units.length) {
      value /= 1000;
      unit++;
    }
    return unit == 0 ? number + units[0] : String.format(Locale.ROOT, "%.1f%s", value, units[unit]);
  }
}
