package io.calidrop.constraint;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Schemas by a seed, of all kinds that are supported. */
final class RandomSchema {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<String> PATTERNS =
      List.of(
          "^[a-z]+$",
          "[0-9]{2}",
          "^(ab|cd)*$",
          "^\\d{3}-\\d{4}$",
          "x",
          "^[^\"\\\\]{1,5}$",
          "^\\w+@\\w+$",
          "é|ü",
          "^.{2,6}$",
          "^a?b+c*",
          "[A-Z]$",
          "^$|^yes$",
          "^[\\u0430-\\u044f]+$",
          "\\s",
          "^🦙{1,3}$");
  private static final List<String> FORMATS =
      List.of("date", "date-time", "duration", "hostname", "ipv4", "ipv6", "uuid", "uri");
  private static final List<String> NAMES =
      List.of(
          "name", "a", "b", "c d", "é", "quote\"d", "back\\slash", "tab\t", "list", "\u0001", "日本");

  private final Random random;
  private boolean recursive;

  private RandomSchema(long seed) {
    random = new Random(seed);
  }

  static ObjectNode of(long seed) {
    RandomSchema schemas = new RandomSchema(seed);
    ObjectNode root = schemas.schema(0);
    if (schemas.recursive) {
      root.putObject("$defs").set("node", schemas.node());
    }
    return root;
  }

  /** A tree, whose leaves need nothing. */
  private ObjectNode node() {
    ObjectNode node = JSON.createObjectNode().put("type", "object");
    node.putObject("properties").set("value", scalar());
    node.withObject("/properties")
        .putObject("children")
        .put("type", "array")
        .putObject("items")
        .put("$ref", "#/$defs/node");
    node.withObject("/properties")
        .putObject("next")
        .putArray("anyOf")
        .add(JSON.createObjectNode().put("type", "null"))
        .add(JSON.createObjectNode().put("$ref", "#/$defs/node"));
    node.putArray("required").add("value");
    node.put("additionalProperties", false);
    return node;
  }

  private ObjectNode schema(int level) {
    int kind = random.nextInt(level > 2 ? 5 : 12);
    return switch (kind) {
      case 0, 1, 2, 3, 4 -> scalar();
      case 5, 6, 7 -> object(level);
      case 8, 9 -> array(level);
      case 10 -> choice(level);
      default -> {
        recursive = true;
        yield JSON.createObjectNode().put("$ref", "#/$defs/node");
      }
    };
  }

  private ObjectNode choice(int level) {
    ObjectNode node = JSON.createObjectNode();
    if (random.nextInt(3) == 0) {
      ArrayNode all = node.putArray("allOf");
      all.add(object(level + 1).without(List.of("maxProperties", "minProperties")));
      all.add(JSON.createObjectNode().put("type", "object").put("description", "more"));
      return node;
    }
    ArrayNode any = node.putArray("anyOf");
    IntStream.range(0, 1 + random.nextInt(3)).forEach(i -> any.add(schema(level + 1)));
    return node;
  }

  private ObjectNode object(int level) {
    ObjectNode node = JSON.createObjectNode().put("type", "object");
    int count = random.nextInt(5);
    if (count > 0) {
      ObjectNode properties = node.putObject("properties");
      ArrayNode required = JSON.createArrayNode();
      for (int i = 0; i < count; i++) {
        String name = NAMES.get(random.nextInt(NAMES.size()));
        if (!properties.has(name)) {
          properties.set(name, schema(level + 1));
          if (random.nextBoolean()) {
            required.add(name);
          }
        }
      }
      if (!required.isEmpty() || random.nextBoolean()) {
        node.set("required", required);
      }
    }
    switch (random.nextInt(5)) {
      case 0, 1 -> node.put("additionalProperties", false);
      case 2 -> node.put("additionalProperties", true);
      case 3 -> node.set("additionalProperties", schema(level + 1));
      default -> {}
    }
    if (count == 0 && random.nextInt(3) == 0) {
      node.putObject("patternProperties").set("^x-", scalar());
      node.putObject("propertyNames").put("maxLength", 8);
    }
    if (random.nextInt(4) == 0 && !node.path("additionalProperties").isBoolean()) {
      node.put("maxProperties", 5 + random.nextInt(3));
      if (node.has("additionalProperties")) {
        node.put("minProperties", 1);
      }
    }
    return node;
  }

  private ObjectNode array(int level) {
    ObjectNode node = JSON.createObjectNode().put("type", "array");
    int least = random.nextInt(3);
    if (random.nextBoolean()) {
      node.put("minItems", least);
    }
    if (random.nextBoolean()) {
      node.put("maxItems", least + random.nextInt(4));
    }
    if (random.nextInt(3) == 0) {
      node.putArray("prefixItems").add(schema(level + 1)).add(scalar());
    }
    if (random.nextInt(4) > 0) {
      node.set("items", schema(level + 1));
    }
    return node;
  }

  private ObjectNode scalar() {
    ObjectNode node = JSON.createObjectNode();
    switch (random.nextInt(10)) {
      case 0 -> node.put("type", "boolean");
      case 1 -> node.put("type", "null");
      case 2, 3 -> string(node.put("type", "string"));
      case 4 -> bounds(node.put("type", "integer"), true);
      case 5 -> bounds(node.put("type", "number"), false);
      case 6 ->
          node.putArray("enum")
              .add("red")
              .add("\"green\"")
              .add(3)
              .add(-1.5)
              .addNull()
              .add(true)
              .addObject()
              .put("a", 1)
              .putArray("b")
              .add("x")
              .add(2);
      case 7 -> node.put("const", "é\n");
      case 8 -> node.putArray("type").add("string").add("null").add("integer");
      default -> node.put("type", "string").putArray("enum").add("low").add("lower").add(1);
    }
    return node;
  }

  private void string(ObjectNode node) {
    switch (random.nextInt(4)) {
      case 0 -> node.put("pattern", PATTERNS.get(random.nextInt(PATTERNS.size())));
      case 1 -> node.put("format", FORMATS.get(random.nextInt(FORMATS.size())));
      case 2 -> {
        int least = random.nextInt(4);
        node.put("minLength", least).put("maxLength", least + random.nextInt(20));
      }
      default -> node.put("pattern", "^[a-c]*$").put("minLength", 2).put("maxLength", 9);
    }
  }

  private void bounds(ObjectNode node, boolean whole) {
    double low =
        whole ? random.nextInt(2000) - 1000 : Math.round(random.nextGaussian() * 1e4) / 100.0;
    switch (random.nextInt(5)) {
      case 0 -> node.put("minimum", low);
      case 1 -> node.put("exclusiveMaximum", low);
      case 2 -> node.put("minimum", low).put("maximum", low + random.nextInt(300));
      case 3 -> node.put("exclusiveMinimum", low).put("maximum", low + 1 + random.nextInt(3));
      default -> {
        if (whole) {
          node.put("multipleOf", 1 + random.nextInt(30)).put("minimum", low);
        } else {
          node.put("multipleOf", List.of(0.01, 0.5, 0.25, 3.0).get(random.nextInt(4)));
        }
      }
    }
  }
}
