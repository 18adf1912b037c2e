package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads a schema before it is compiled: that every keyword is one that is followed, and its value
 * what it should be. What would not be followed is refused by name.
 */
final class SchemaCheck {
  private static final List<String> TYPES =
      List.of("object", "array", "string", "number", "integer", "boolean", "null");

  /** Keywords that say nothing about values. */
  private static final Set<String> ANNOTATIONS =
      Set.of(
          "$schema",
          "$id",
          "id",
          "$comment",
          "title",
          "description",
          "default",
          "example",
          "examples",
          "deprecated",
          "readOnly",
          "writeOnly",
          "contentMediaType",
          "contentEncoding",
          "discriminator");

  private static final Set<String> UNSUPPORTED =
      Set.of(
          "not",
          "if",
          "then",
          "else",
          "contains",
          "minContains",
          "maxContains",
          "dependentRequired",
          "dependentSchemas",
          "dependencies",
          "unevaluatedProperties",
          "unevaluatedItems",
          "contentSchema",
          "$dynamicRef",
          "$dynamicAnchor",
          "$recursiveRef",
          "$recursiveAnchor",
          "$anchor",
          "$vocabulary");

  private int count;

  /** Whether a keyword says nothing about values, or only what references lead to. */
  static boolean isSilent(String keyword) {
    return ANNOTATIONS.contains(keyword)
        || keyword.equals("$defs")
        || keyword.equals("definitions")
        || keyword.startsWith("x-");
  }

  /**
   * Reads a schema and those within it.
   *
   * @param place for messages, such as /properties/name
   */
  void check(JsonNode schema, String place, int level) {
    Limits.check(++count, Limits.SCHEMAS, "the schema");
    if (level > Limits.LEVELS) {
      throw new IllegalArgumentException(
          "the schema has more than %d levels".formatted(Limits.LEVELS));
    }
    if (schema.isBoolean()) {
      return;
    }
    if (!schema.isObject()) {
      throw error(place, "a schema is an object, true or false, not " + Limits.shown(schema));
    }
    for (Map.Entry<String, JsonNode> field : schema.properties()) {
      check(field.getKey(), field.getValue(), place, level);
    }
  }

  private void check(String keyword, JsonNode value, String place, int level) {
    String within = place + "/" + keyword;
    switch (keyword) {
      case "properties", "patternProperties", "$defs", "definitions" -> {
        require(value.isObject(), keyword, "an object of schemas", value, place);
        for (Map.Entry<String, JsonNode> field : value.properties()) {
          check(field.getValue(), within + "/" + field.getKey(), level + 1);
        }
      }
      case "prefixItems", "allOf", "anyOf", "oneOf" -> all(keyword, value, place, level);
      case "items" -> {
        if (value.isArray()) {
          all(keyword, value, place, level);
        } else {
          check(value, within, level + 1);
        }
      }
      case "additionalProperties", "propertyNames", "additionalItems" ->
          check(value, within, level + 1);
      case "type" ->
          require(
              isType(value) || value.isArray() && !value.isEmpty() && every(value, true),
              keyword,
              "one of " + String.join(", ", TYPES) + ", or a list of them",
              value,
              place);
      case "required" ->
          require(value.isArray() && every(value, false), keyword, "a list of names", value, place);
      case "enum" ->
          require(value.isArray() && !value.isEmpty(), keyword, "a list of values", value, place);
      case "const" -> {}
      case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties" ->
          require(
              value.isNumber()
                  && value.canConvertToInt()
                  && value.intValue() >= 0
                  && value.decimalValue().stripTrailingZeros().scale() <= 0,
              keyword,
              "a whole number of 0 or more",
              value,
              place);
      case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum" ->
          require(isFinite(value), keyword, "a number", value, place);
      case "multipleOf" ->
          require(
              isFinite(value) && value.decimalValue().signum() > 0,
              keyword,
              "a number above 0",
              value,
              place);
      case "pattern", "format", "$ref" ->
          require(value.isTextual(), keyword, "a text", value, place);
      case "uniqueItems" -> {
        require(value.isBoolean(), keyword, "true or false", value, place);
        if (value.booleanValue()) {
          throw error(place, "uniqueItems is not supported: items cannot be compared");
        }
      }
      default -> {
        if (UNSUPPORTED.contains(keyword)) {
          throw error(place, keyword + " is not supported");
        }
        if (!isSilent(keyword)) {
          throw error(place, "unknown keyword " + Limits.shown(keyword));
        }
      }
    }
  }

  private void all(String keyword, JsonNode value, String place, int level) {
    require(value.isArray() && !value.isEmpty(), keyword, "a list of schemas", value, place);
    for (int i = 0; i < value.size(); i++) {
      check(value.get(i), place + "/" + keyword + "/" + i, level + 1);
    }
  }

  private static boolean every(JsonNode list, boolean types) {
    for (JsonNode element : list) {
      if (types ? !isType(element) : !element.isTextual()) {
        return false;
      }
    }
    return true;
  }

  private static boolean isType(JsonNode value) {
    return value.isTextual() && TYPES.contains(value.textValue());
  }

  private static boolean isFinite(JsonNode value) {
    return value.isNumber() && !Double.isInfinite(value.doubleValue());
  }

  private static void require(
      boolean fits, String keyword, String what, JsonNode value, String place) {
    if (!fits) {
      throw error(place, "%s is %s, not %s".formatted(keyword, what, Limits.shown(value)));
    }
  }

  static IllegalArgumentException error(String place, String why) {
    return new IllegalArgumentException(
        "the schema%s: %s".formatted(place.isEmpty() ? "" : " at " + Limits.shown(place), why));
  }
}
