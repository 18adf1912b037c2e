package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/** What schemas without references and alternatives say together of one value. */
final class Shape {
  private final SchemaCompiler compiler;
  private final List<JsonNode> schemas;

  /** The types of JSON, and the whole numbers among the numbers. */
  enum Type {
    OBJECT,
    ARRAY,
    STRING,
    NUMBER,
    INTEGER,
    BOOLEAN,
    NULL;

    /** The type that a keyword is about, or null. */
    private static Type of(String keyword) {
      return switch (keyword) {
        case "properties",
            "patternProperties",
            "additionalProperties",
            "propertyNames",
            "required",
            "minProperties",
            "maxProperties" ->
            OBJECT;
        case "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems" ->
            ARRAY;
        case "minLength", "maxLength", "pattern", "format" -> STRING;
        case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf" -> NUMBER;
        default -> null;
      };
    }
  }

  Shape(SchemaCompiler compiler, List<JsonNode> schemas) {
    this.compiler = compiler;
    this.schemas = schemas;
  }

  /** Adds the values to a rule. */
  void addTo(Rule rule) {
    Set<Type> types = types();
    if (has("enum") || has("const")) {
      new Values(this, types).addTo(rule);
      return;
    }
    for (Type type : types) {
      switch (type) {
        case OBJECT -> new ObjectRules(compiler, this).addTo(rule);
        case ARRAY -> new ArrayRules(compiler, this).addTo(rule);
        case STRING -> add(rule, new Strings(schemas).lexeme());
        case NUMBER -> add(rule, NumberLexeme.of(bounds(false)));
        case INTEGER -> {
          if (!types.contains(Type.NUMBER)) {
            add(rule, NumberLexeme.of(bounds(true)));
          }
        }
        case BOOLEAN -> rule.add(Text.of("true", "false"));
        case NULL -> rule.add(Text.of("null"));
      }
    }
  }

  static void add(Rule rule, Lexeme lexeme) {
    if (lexeme.continues(0)) {
      rule.add(new Text(lexeme));
    }
  }

  /** The types that a value may have: where none is named, those that keywords are about. */
  private Set<Type> types() {
    Set<Type> types = EnumSet.allOf(Type.class);
    if (has("type")) {
      of("type").forEach(value -> types.retainAll(types(value)));
      return types;
    }
    Set<Type> meant = EnumSet.noneOf(Type.class);
    for (JsonNode schema : schemas) {
      schema
          .fieldNames()
          .forEachRemaining(name -> Stream.ofNullable(Type.of(name)).forEach(meant::add));
    }
    return meant.isEmpty() || has("enum") || has("const") ? types : meant;
  }

  private static Set<Type> types(JsonNode value) {
    Set<Type> types = EnumSet.noneOf(Type.class);
    Iterable<JsonNode> names = value.isArray() ? value : List.of(value);
    for (JsonNode name : names) {
      Type type = Type.valueOf(name.textValue().toUpperCase(Locale.ROOT));
      types.add(type);
      if (type == Type.NUMBER) {
        types.add(Type.INTEGER);
      }
    }
    return types;
  }

  /** Whether a keyword is about values of a type. */
  boolean isAbout(Type type) {
    return schemas.stream()
        .flatMap(JsonNode::propertyStream)
        .anyMatch(field -> Type.of(field.getKey()) == type);
  }

  boolean has(String keyword) {
    return schemas.stream().anyMatch(schema -> schema.has(keyword));
  }

  /** The values of a keyword. */
  List<JsonNode> of(String keyword) {
    return schemas.stream().map(schema -> schema.get(keyword)).filter(v -> v != null).toList();
  }

  List<JsonNode> schemas() {
    return schemas;
  }

  /** The greatest of a keyword's values, or a default. */
  int greatest(String keyword, int other) {
    return of(keyword).stream().mapToInt(JsonNode::intValue).max().orElse(other);
  }

  /** The least of a keyword's values, or a default. */
  int least(String keyword, int other) {
    return of(keyword).stream().mapToInt(JsonNode::intValue).min().orElse(other);
  }

  NumberLexeme.Bounds bounds(boolean whole) {
    BigDecimal low = extreme("minimum", true);
    BigDecimal above = extreme("exclusiveMinimum", true);
    boolean aboveLow = above != null && (low == null || above.compareTo(low) >= 0);
    BigDecimal high = extreme("maximum", false);
    BigDecimal below = extreme("exclusiveMaximum", false);
    boolean belowHigh = below != null && (high == null || below.compareTo(high) <= 0);
    return new NumberLexeme.Bounds(
        whole, aboveLow ? above : low, aboveLow, belowHigh ? below : high, belowHigh, multipleOf());
  }

  private BigDecimal extreme(String keyword, boolean greatest) {
    BigDecimal found = null;
    for (JsonNode value : of(keyword)) {
      BigDecimal one = value.decimalValue();
      found = found == null ? one : greatest ? found.max(one) : found.min(one);
    }
    return found;
  }

  private BigDecimal multipleOf() {
    List<BigDecimal> all =
        of("multipleOf").stream()
            .map(value -> value.decimalValue().stripTrailingZeros())
            .distinct()
            .toList();
    if (all.size() > 1) {
      throw new IllegalArgumentException("several different multipleOf are not supported");
    }
    return all.isEmpty() ? null : all.getFirst();
  }
}
