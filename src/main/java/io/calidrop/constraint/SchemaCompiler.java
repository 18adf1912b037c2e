package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes a grammar of a schema. What a value must fit is a list of schemas at a time: references and
 * {@code allOf} make it longer, {@code anyOf} makes several lists of it. When nothing is left to
 * replace, the list is a {@link Shape}. Lists hold schemas of the document only, so that recursion
 * comes back to a list that is known.
 */
final class SchemaCompiler {
  static final Text COMMA = Text.of(",", ", ");
  static final Text COLON = Text.of(":", ": ");

  private static final List<String> CHOICES = List.of("anyOf", "oneOf");

  private final JsonNode document;
  private final Map<String, JsonNode> targets = new HashMap<>();
  private final Map<List<Same>, Rule> known = new HashMap<>();
  private int rules;
  private int ways; // in which alternatives go together

  /** A schema, which is another than one that reads the same. */
  private record Same(JsonNode schema) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Same(JsonNode same) && schema == same;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(schema);
    }
  }

  /** A schema on the list and what it was reached through without a value between. */
  private record Open(JsonNode schema, Open through) {
    boolean isWithin(JsonNode other) {
      for (Open at = this; at != null; at = at.through) {
        if (at.schema == other) {
          return true;
        }
      }
      return false;
    }
  }

  /** Schemas of which one must fit. */
  private record Choice(JsonNode schemas, Open of) {}

  SchemaCompiler(JsonNode document) {
    this.document = document;
    new SchemaCheck().check(document, "", 0);
  }

  Rule compile() {
    return rule(List.of(document));
  }

  /** A rule that counts, so that a grammar does not grow beyond all bounds. */
  Rule newRule() {
    Limits.check(++rules, Limits.RULES, "the schema");
    return new Rule();
  }

  /** The values that fit all schemas of a list. */
  Rule rule(List<JsonNode> schemas) {
    List<Same> key = schemas.stream().map(this::direct).map(Same::new).distinct().toList();
    Rule rule = known.get(key);
    if (rule == null) {
      rule = newRule();
      known.put(key, rule);
      List<Open> open = new ArrayList<>();
      key.forEach(same -> open.add(new Open(same.schema(), null)));
      expand(rule, open, new ArrayList<>(), new ArrayList<>());
    }
    return rule;
  }

  /** What a schema refers to, where it does nothing else. */
  private JsonNode direct(JsonNode schema) {
    JsonNode target = schema;
    for (int i = 0; i < Limits.LEVELS && target.size() == 1 && target.has("$ref"); i++) {
      target = target(target);
    }
    return target;
  }

  private void expand(Rule rule, List<Open> open, List<JsonNode> flat, List<Choice> choices) {
    while (!open.isEmpty()) {
      Open at = open.removeLast();
      JsonNode schema = at.schema();
      if (schema.isBoolean()) {
        if (!schema.booleanValue()) {
          return; // nothing fits
        }
        continue;
      }
      if (flat.stream().anyMatch(other -> other == schema)) {
        continue;
      }
      flat.add(schema);
      if (schema.has("$ref")) {
        open.add(through(at, target(schema)));
      }
      schema.path("allOf").forEach(part -> open.add(through(at, part)));
      for (String keyword : CHOICES) {
        if (schema.has(keyword)) {
          choices.add(new Choice(schema.get(keyword), at));
        }
      }
    }
    if (choices.isEmpty()) {
      new Shape(this, flat).addTo(rule);
      return;
    }
    Choice choice = choices.removeLast();
    for (JsonNode schema : choice.schemas()) {
      Limits.check(++ways, Limits.CHOICES, "the schema");
      if (choices.isEmpty() && flat.size() == 1 && isOnlyChoice(flat.getFirst())) {
        rule.add(rule(List.of(schema)));
      } else {
        List<Open> one = new ArrayList<>(List.of(through(choice.of(), schema)));
        expand(rule, one, new ArrayList<>(flat), new ArrayList<>(choices));
      }
    }
  }

  private static boolean isOnlyChoice(JsonNode schema) {
    return schema
        .propertyStream()
        .map(Map.Entry::getKey)
        .allMatch(name -> CHOICES.contains(name) || SchemaCheck.isSilent(name));
  }

  private static Open through(Open at, JsonNode schema) {
    if (at.isWithin(schema)) {
      throw new IllegalArgumentException(
          "the schema refers to itself without a value between, by %s"
              .formatted(at.schema().path("$ref").asText("anyOf or allOf")));
    }
    return new Open(schema, at);
  }

  private JsonNode target(JsonNode schema) {
    return targets.computeIfAbsent(schema.get("$ref").textValue(), this::target);
  }

  private JsonNode target(String reference) {
    if (!reference.startsWith("#")) {
      throw new IllegalArgumentException(
          "$ref %s is not supported: a reference is to a place in the schema, such as #/$defs/name"
              .formatted(reference));
    }
    JsonNode target;
    try {
      String pointer = reference.substring(1).replace("+", "%2B");
      target = document.at(URLDecoder.decode(pointer, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException e) {
      target = MissingNode.getInstance();
    }
    if (target.isMissingNode()) {
      throw new IllegalArgumentException(
          "$ref %s leads to no place in the schema".formatted(reference));
    }
    new SchemaCheck().check(target, reference.substring(1), 0);
    return target;
  }
}
