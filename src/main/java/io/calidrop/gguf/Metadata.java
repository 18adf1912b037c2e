package io.calidrop.gguf;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The key-value pairs of a GGUF file, in its order. Immutable: threads may share it. */
public final class Metadata {

  /**
   * A value. Integers are {@link Long}s (64-bit ones without a sign that exceed a long are
   * refused), floats {@link Double}s; arrays are {@code long[]}, {@code double[]}, {@code
   * boolean[]}, a {@link TextArray}, or a list of values for nested arrays.
   *
   * @param elementType type of an array's elements, null for other values
   */
  public record Value(MetadataType type, MetadataType elementType, Object value) {}

  private final String source;
  private final Map<String, Value> values;

  Metadata(String source, Map<String, Value> values) {
    this.source = source;
    this.values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /** What error messages call the file. */
  public String source() {
    return source;
  }

  public Set<String> keys() {
    return values.keySet();
  }

  public boolean contains(String key) {
    return values.containsKey(key);
  }

  /** The value of a key as it is. */
  public Optional<Value> value(String key) {
    return Optional.ofNullable(values.get(key));
  }

  /**
   * @throws ModelFormatException naming the key, if it is missing or of another type; so do all
   *     getters
   */
  public String string(String key) {
    return required(key, "a string", find(key, String.class, "a string"));
  }

  public String string(String key, String defaultValue) {
    return find(key, String.class, "a string").orElse(defaultValue);
  }

  /** An integer of any of GGUF's integer types. */
  public int int32(String key) {
    return toInt(key, required(key, "an integer", find(key, Long.class, "an integer")));
  }

  public int int32(String key, int defaultValue) {
    return find(key, Long.class, "an integer").map(value -> toInt(key, value)).orElse(defaultValue);
  }

  public float float32(String key) {
    return required(key, "a number", findNumber(key));
  }

  public float float32(String key, float defaultValue) {
    return findNumber(key).orElse(defaultValue);
  }

  public boolean bool(String key, boolean defaultValue) {
    return find(key, Boolean.class, "a boolean").orElse(defaultValue);
  }

  public TextArray strings(String key) {
    return required(key, "an array of strings", findStrings(key));
  }

  public Optional<TextArray> findStrings(String key) {
    return find(key, TextArray.class, "an array of strings");
  }

  public Optional<float[]> findFloats(String key) {
    return find(key, double[].class, "an array of floats")
        .map(
            doubles -> {
              float[] floats = new float[doubles.length];
              for (int i = 0; i < floats.length; i++) {
                floats[i] = (float) doubles[i];
              }
              return floats;
            });
  }

  public Optional<int[]> findInts(String key) {
    return find(key, long[].class, "an array of integers")
        .map(
            longs -> {
              int[] ints = new int[longs.length];
              for (int i = 0; i < ints.length; i++) {
                ints[i] = toInt(key, longs[i]);
              }
              return ints;
            });
  }

  private Optional<Float> findNumber(String key) {
    Value value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (value.value() instanceof Number number) {
      return Optional.of(number.floatValue());
    }
    throw mismatch(key, "a number", value);
  }

  private <T> Optional<T> find(String key, Class<T> type, String wanted) {
    Value value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (!type.isInstance(value.value())) {
      throw mismatch(key, wanted, value);
    }
    return Optional.of(type.cast(value.value()));
  }

  private <T> T required(String key, String wanted, Optional<T> value) {
    return value.orElseThrow(
        () ->
            new ModelFormatException(
                "%s lacks the metadata key %s (%s)".formatted(source, key, wanted)));
  }

  private int toInt(String key, long value) {
    if (value != (int) value) {
      throw new ModelFormatException(
          "%s: metadata key %s has the impossible value %d".formatted(source, key, value));
    }
    return (int) value;
  }

  private ModelFormatException mismatch(String key, String wanted, Value found) {
    String type =
        found.elementType() == null ? found.type().name() : "ARRAY of " + found.elementType();
    return new ModelFormatException(
        "%s: metadata key %s should be %s but is %s".formatted(source, key, wanted, type));
  }
}
