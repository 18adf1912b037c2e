package io.calidrop.template;

import java.time.ZonedDateTime;

/** C's {@code strftime} in English. */
final class Strftime {
  private static final String[] DAYS = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
  };
  private static final String[] MONTHS = {
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December"
  };

  private Strftime() {}

  static String format(String format, ZonedDateTime time) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        out.append(c);
        continue;
      }
      boolean bare = format.charAt(i + 1) == '-' && i + 2 < format.length();
      i += bare ? 2 : 1;
      String field = field(format.charAt(i), time);
      if (bare && field.length() > 1 && (field.charAt(0) == '0' || field.charAt(0) == ' ')) {
        field = field.replaceFirst("^[0 ]+(?=.)", "");
      }
      out.append(field);
    }
    return out.toString();
  }

  private static String field(char type, ZonedDateTime time) {
    int weekday = time.getDayOfWeek().getValue();
    int hour = time.getHour() % 12 == 0 ? 12 : time.getHour() % 12;
    return switch (type) {
      case 'a' -> DAYS[weekday - 1].substring(0, 3);
      case 'A' -> DAYS[weekday - 1];
      case 'b', 'h' -> MONTHS[time.getMonthValue() - 1].substring(0, 3);
      case 'B' -> MONTHS[time.getMonthValue() - 1];
      case 'c' -> format("%a %b %e %H:%M:%S %Y", time);
      case 'd' -> padded(time.getDayOfMonth(), 2);
      case 'D', 'x' -> format("%m/%d/%y", time);
      case 'e' -> (time.getDayOfMonth() < 10 ? " " : "") + time.getDayOfMonth();
      case 'f' -> padded(time.getNano() / 1000, 6);
      case 'F' -> format("%Y-%m-%d", time);
      case 'H' -> padded(time.getHour(), 2);
      case 'I' -> padded(hour, 2);
      case 'j' -> padded(time.getDayOfYear(), 3);
      case 'm' -> padded(time.getMonthValue(), 2);
      case 'M' -> padded(time.getMinute(), 2);
      case 'n' -> "\n";
      case 'p' -> time.getHour() < 12 ? "AM" : "PM";
      case 'r' -> format("%I:%M:%S %p", time);
      case 'R' -> format("%H:%M", time);
      case 's' -> Long.toString(time.toEpochSecond());
      case 'S' -> padded(time.getSecond(), 2);
      case 't' -> "\t";
      case 'T', 'X' -> format("%H:%M:%S", time);
      case 'u' -> Integer.toString(weekday);
      case 'w' -> Integer.toString(weekday % 7);
      case 'y' -> padded(time.getYear() % 100, 2);
      case 'Y' -> Integer.toString(time.getYear());
      case 'z', 'Z', '%' -> zone(type, time);
      default -> "%" + type;
    };
  }

  private static String zone(char type, ZonedDateTime time) {
    if (type == '%') {
      return "%";
    }
    if (type == 'Z') {
      return time.getZone().getDisplayName(java.time.format.TextStyle.SHORT, java.util.Locale.ROOT);
    }
    int minutes = time.getOffset().getTotalSeconds() / 60;
    return (minutes < 0 ? "-" : "+")
        + padded(Math.abs(minutes) / 60, 2)
        + padded(Math.abs(minutes) % 60, 2);
  }

  private static String padded(int number, int width) {
    String digits = Integer.toString(number);
    return "0".repeat(Math.max(0, width - digits.length())) + digits;
  }
}
