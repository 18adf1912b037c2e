package io.calidrop.template;

import java.time.ZonedDateTime;

/** C's {@code strftime} in English: what dates of templates are made of. */
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
      if (format.charAt(i) != '%' || i + 1 == format.length()) {
        out.append(format.charAt(i));
        continue;
      }
      boolean bare = format.startsWith("-", i + 1) && i + 2 < format.length();
      i += bare ? 2 : 1;
      String field = field(format.charAt(i), time);
      out.append(bare ? field.replaceFirst("^[0 ]+(?=.)", "") : field);
    }
    return out.toString();
  }

  private static String field(char type, ZonedDateTime time) {
    String day = DAYS[time.getDayOfWeek().getValue() - 1];
    String month = MONTHS[time.getMonthValue() - 1];
    return switch (type) {
      case 'a' -> day.substring(0, 3);
      case 'A' -> day;
      case 'b', 'h' -> month.substring(0, 3);
      case 'B' -> month;
      case 'd' -> padded(time.getDayOfMonth(), 2);
      case 'e' -> (time.getDayOfMonth() < 10 ? " " : "") + time.getDayOfMonth();
      case 'F' -> format("%Y-%m-%d", time);
      case 'H' -> padded(time.getHour(), 2);
      case 'I' -> padded((time.getHour() + 11) % 12 + 1, 2);
      case 'j' -> padded(time.getDayOfYear(), 3);
      case 'm' -> padded(time.getMonthValue(), 2);
      case 'M' -> padded(time.getMinute(), 2);
      case 'p' -> time.getHour() < 12 ? "AM" : "PM";
      case 'S' -> padded(time.getSecond(), 2);
      case 'T' -> format("%H:%M:%S", time);
      case 'y' -> padded(time.getYear() % 100, 2);
      case 'Y' -> Integer.toString(time.getYear());
      case 'z', 'Z' -> ""; // as of a time without a zone
      case '%' -> "%";
      default -> "%" + type;
    };
  }

  private static String padded(int number, int width) {
    String digits = Integer.toString(number);
    return "0".repeat(Math.max(0, width - digits.length())) + digits;
  }
}
