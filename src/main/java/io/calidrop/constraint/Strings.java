package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** What schemas say of a string. */
final class Strings {
  private final List<CharacterDfa> patterns = new ArrayList<>();
  private int least;
  private int most = AnyString.UNLIMITED;

  Strings(List<JsonNode> schemas) {
    for (JsonNode schema : schemas) {
      least = Math.max(least, schema.path("minLength").asInt(0));
      most = Math.min(most, schema.path("maxLength").asInt(AnyString.UNLIMITED));
      if (schema.has("pattern")) {
        patterns.add(Regex.of(schema.get("pattern").textValue()));
      }
      if (schema.has("format")) {
        patterns.add(Formats.of(schema.get("format").textValue()));
      }
    }
  }

  /** The strings; a lexeme that does not begin where there is none. */
  Lexeme lexeme() {
    if (patterns.isEmpty() && least <= most) {
      return new AnyString(least, most);
    }
    return characters().toStrings();
  }

  /** The texts that the strings hold. */
  CharacterDfa characters() {
    CharacterDfa all = CharacterDfa.ANY;
    for (CharacterDfa pattern : patterns) {
      all = all == CharacterDfa.ANY ? pattern : all.and(pattern);
    }
    if (least > most) {
      return all.without(CharacterDfa.ANY);
    }
    return least == 0 && most == AnyString.UNLIMITED
        ? all
        : all.and(CharacterDfa.lengths(least, most));
  }

  /** Whether a text is one of them. */
  boolean contains(String text) {
    int length = text.codePointCount(0, text.length());
    return length >= least
        && length <= most
        && patterns.stream().allMatch(pattern -> pattern.matches(text));
  }
}
