package io.calidrop.cli;

import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** The formats of keys and values: one name for both, or the bits of each, such as k5v4. */
final class KvTypesConverter implements ITypeConverter<KvTypes> {
  private static final Pattern PAIR = Pattern.compile("k(\\d{1,2})v(\\d{1,2})");

  @Override
  public KvTypes convert(String text) {
    String name = text.strip().toLowerCase(Locale.ROOT);
    Matcher pair = PAIR.matcher(name);
    for (KvType type : KvType.values()) {
      if (type.name().toLowerCase(Locale.ROOT).equals(name)) {
        return KvTypes.of(type);
      }
    }
    if (!pair.matches()) {
      throw unknown(text);
    }
    return new KvTypes(ofBits(pair.group(1), text), ofBits(pair.group(2), text));
  }

  private static KvType ofBits(String bits, String text) {
    return Arrays.stream(KvType.values())
        .filter(type -> type.bits() == Integer.parseInt(bits))
        .findFirst()
        .orElseThrow(() -> unknown(text));
  }

  private static TypeConversionException unknown(String text) {
    return new TypeConversionException(
        "\"%s\" is none of %s, and no pair such as k5v4"
            .formatted(text, String.join(", ", new Names.KvTypes())));
  }
}
