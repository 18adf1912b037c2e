package io.calidrop.constraint;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** Formats of strings, as patterns: no text of one is refused by who checks the format. */
final class Formats {
  private static final String DATE =
      "([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))"
          + "|(02-(0[1-9]|1[0-9]|2[0-8])))"
          + "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)";
  private static final String TIME =
      "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?"
          + "(Z|[+](0[0-9]|1[0-3]):[0-5][0-9]|-((0[1-9]|1[0-3]):[0-5][0-9]|00:(0[1-9]|[1-5][0-9])))";
  private static final String LABEL = "[A-Za-z0-9]{1,20}(-[A-Za-z0-9]{1,20}){0,2}";
  private static final String HOST = LABEL + "(\\." + LABEL + "){0,3}";
  private static final String BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  private static final String GROUP = "[0-9a-fA-F]{1,4}";
  private static final String ATOM = "[A-Za-z0-9_%+-]{1,20}";
  private static final String PATH = "[A-Za-z0-9._~-]";

  private static final Map<String, String> PATTERNS =
      new TreeMap<>(
          Map.of(
              "date",
              DATE,
              "time",
              TIME,
              "date-time",
              DATE + "T" + TIME,
              "duration",
              duration(),
              "email",
              ATOM + "(\\." + ATOM + "){0,2}@(" + LABEL + "\\.){1,3}[A-Za-z]{2,10}",
              "hostname",
              HOST,
              "ipv4",
              BYTE + "(\\." + BYTE + "){3}",
              "ipv6",
              ipv6(),
              "uuid",
              "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
              "uri",
              "https?://"
                  + HOST
                  + "(:[1-9][0-9]{0,3})?(/"
                  + PATH
                  + "*)*(\\?"
                  + "[A-Za-z0-9._~=&-]+)?"));

  private static final Map<String, CharacterDfa> KNOWN = new ConcurrentHashMap<>();

  private Formats() {}

  /**
   * The texts of a format.
   *
   * @throws IllegalArgumentException if there is no such format
   */
  static CharacterDfa of(String name) {
    String pattern = PATTERNS.get(name);
    if (pattern == null) {
      throw new IllegalArgumentException(
          "format \"%s\" is not supported: there are %s"
              .formatted(
                  name.length() > 30 ? name.substring(0, 30) + "..." : name,
                  String.join(", ", PATTERNS.keySet())));
    }
    return KNOWN.computeIfAbsent(name, key -> Regex.of("^(" + pattern + ")$"));
  }

  private static String duration() {
    String n = "[0-9]{1,9}";
    String time = "T(%1$sH(%1$sM(%1$sS)?)?|%1$sM(%1$sS)?|%1$sS)".formatted(n);
    String day = n + "D";
    String month = n + "M(" + day + ")?";
    return "P(%1$sW|(%1$sY(%2$s)?|%2$s|%3$s)(%4$s)?|%4$s)".formatted(n, month, day, time);
  }

  private static String ipv6() {
    StringBuilder all = new StringBuilder("((" + GROUP + ":){7}" + GROUP);
    for (int before = 0; before <= 6; before++) {
      String left = before == 0 ? ":" : "(" + GROUP + ":){" + before + "}";
      all.append("|").append(left).append("(:").append(GROUP).append("){1,");
      all.append(Math.max(1, 6 - before)).append('}');
      all.append("|").append(left).append(':');
    }
    return all.append(")").toString();
  }
}
