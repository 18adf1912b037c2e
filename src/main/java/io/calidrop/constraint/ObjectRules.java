package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The objects of a shape: properties in the order in which they are declared, then others. Where
 * properties are declared, there are others only if the schema says so.
 */
final class ObjectRules {
  private static final int MOST = 1000; // of a bound

  private final SchemaCompiler compiler;
  private final Shape shape;
  private final Set<String> required = new LinkedHashSet<>();
  private final Map<String, CharacterDfa> patterns = new LinkedHashMap<>();
  private final List<Property> properties = new ArrayList<>();
  private final List<Property> others = new ArrayList<>(); // by pattern, and all else
  private final Map<Place, Rule> places = new HashMap<>();
  private final int least;
  private final int most;
  private final boolean counted;

  /** A key and its value; null for the value where there can be none. */
  private record Property(Text key, Rule value, boolean required) {}

  /**
   * Where an object is.
   *
   * @param index of the next declared property
   * @param declared how many of them there were, as far as it matters
   * @param more how many others there were, as far as it matters
   */
  private record Place(int index, int declared, int more) {}

  ObjectRules(SchemaCompiler compiler, Shape shape) {
    this.compiler = compiler;
    this.shape = shape;
    least = shape.greatest("minProperties", 0);
    most = shape.least("maxProperties", Integer.MAX_VALUE);
    counted = least > 0 || most < Integer.MAX_VALUE;
    if (least > MOST || most < Integer.MAX_VALUE && most > MOST) {
      throw new IllegalArgumentException(
          "minProperties and maxProperties of more than %d are not supported".formatted(MOST));
    }
  }

  void addTo(Rule rule) {
    Set<String> names = new LinkedHashSet<>();
    for (JsonNode schema : shape.schemas()) {
      schema.path("properties").fieldNames().forEachRemaining(names::add);
      schema.path("required").forEach(name -> required.add(name.textValue()));
      schema
          .path("patternProperties")
          .fieldNames()
          .forEachRemaining(pattern -> patterns.computeIfAbsent(pattern, Regex::of));
    }
    boolean closed = !names.isEmpty() && !shape.has("additionalProperties");
    names.addAll(required);
    CharacterDfa allowed = names();
    for (String name : names) {
      if (allowed == null || allowed.matches(name)) {
        Text key = new Text(Dfa.words(List.of(Spelling.of(name))));
        Rule value = compiler.rule(value(name));
        properties.add(new Property(key, value, required.contains(name)));
      } else if (required.contains(name)) {
        return; // a property must be there, and its name must not
      }
    }
    addOthers(names, allowed == null ? CharacterDfa.ANY : allowed, closed);
    for (int i = properties.size(); i >= 0; i--) { // from the end, since each needs those after it
      for (int declared = 0; declared <= (counted ? i : Math.min(i, 1)); declared++) {
        place(i, declared, 0);
      }
    }
    rule.add(Text.of("{"), place(0, 0, 0));
  }

  /** The names that properties may have, or null where any will do. */
  private CharacterDfa names() {
    CharacterDfa all = null;
    for (JsonNode names : shape.of("propertyNames")) {
      for (String keyword : (Iterable<String>) names::fieldNames) {
        boolean known =
            List.of("minLength", "maxLength", "pattern", "format", "enum", "const", "type")
                .contains(keyword);
        if (!known && !SchemaCheck.isSilent(keyword)) {
          throw new IllegalArgumentException(
              "%s in propertyNames is not supported".formatted(keyword));
        }
      }
      CharacterDfa one = new Strings(List.of(names)).characters();
      if (names.equals(BooleanNode.FALSE)) {
        one = CharacterDfa.texts(List.of());
      }
      for (String keyword : List.of("enum", "const")) {
        if (names.has(keyword)) {
          List<String> texts = new ArrayList<>();
          Iterable<JsonNode> values =
              keyword.equals("enum") ? names.get(keyword) : List.of(names.get(keyword));
          values.forEach(value -> texts.add(value.asText()));
          one = one.and(CharacterDfa.texts(texts));
        }
      }
      all = all == null ? one : all.and(one);
    }
    return all;
  }

  /** What the value of a property must fit. */
  private List<JsonNode> value(String name) {
    List<JsonNode> all = new ArrayList<>();
    for (JsonNode schema : shape.schemas()) {
      List<JsonNode> of = new ArrayList<>();
      if (schema.path("properties").has(name)) {
        of.add(schema.path("properties").get(name));
      }
      for (Map.Entry<String, JsonNode> entry : schema.path("patternProperties").properties()) {
        if (patterns.get(entry.getKey()).matches(name)) {
          of.add(entry.getValue());
        }
      }
      if (of.isEmpty() && schema.has("additionalProperties")) {
        of.add(schema.get("additionalProperties"));
      }
      all.addAll(of);
    }
    return all;
  }

  /** Properties that are not declared: those of one pattern each, and those of none. */
  private void addOthers(Set<String> names, CharacterDfa allowed, boolean closed) {
    CharacterDfa free = names.isEmpty() ? allowed : allowed.without(CharacterDfa.texts(names));
    for (String pattern : patterns.keySet()) {
      CharacterDfa keys = free.and(patterns.get(pattern));
      for (String other : patterns.keySet()) {
        if (!other.equals(pattern)) {
          keys = keys.without(patterns.get(other));
        }
      }
      List<JsonNode> value = new ArrayList<>();
      for (JsonNode schema : shape.schemas()) {
        JsonNode of = schema.path("patternProperties").path(pattern);
        JsonNode one = of.isMissingNode() ? schema.path("additionalProperties") : of;
        if (!one.isMissingNode()) {
          value.add(one);
        }
      }
      addOther(keys.toStrings(), value);
    }
    if (!closed) {
      for (CharacterDfa pattern : patterns.values()) {
        free = free.without(pattern);
      }
      Lexeme keys =
          free == CharacterDfa.ANY ? new AnyString(0, AnyString.UNLIMITED) : free.toStrings();
      addOther(keys, shape.of("additionalProperties"));
    }
  }

  private void addOther(Lexeme keys, List<JsonNode> value) {
    if (keys.continues(0) && !value.contains(BooleanNode.FALSE)) {
      others.add(new Property(new Text(keys), compiler.rule(value), false));
    }
  }

  /** What follows at a place. Keys that are not declared may come twice, and count once. */
  private Rule place(int index, int declared, int more) {
    Place place =
        new Place(
            index,
            counted ? Math.min(declared, MOST) : Math.min(declared, 1),
            counted && most < Integer.MAX_VALUE ? more : Math.min(more, 1));
    Rule rule = places.get(place);
    if (rule == null) {
      rule = compiler.newRule();
      places.put(place, rule);
      fill(rule, place);
    }
    return rule;
  }

  private void fill(Rule rule, Place place) {
    int count = place.declared() + place.more();
    if (place.index() < properties.size()) {
      Property property = properties.get(place.index());
      if (count < most) {
        Rule rest = place(place.index() + 1, place.declared() + 1, place.more());
        add(rule, count > 0, property, rest);
      }
      if (!property.required()) {
        rule.add(place(place.index() + 1, place.declared(), place.more()));
      }
      return;
    }
    if (place.declared() + Math.min(place.more(), 1) >= least) {
      rule.add(Text.of("}"));
    }
    if (count < most) {
      for (Property property : others) {
        Rule rest = place(place.index(), place.declared(), place.more() + 1);
        add(rule, count > 0, property, rest);
      }
    }
  }

  private static void add(Rule rule, boolean comma, Property property, Rule rest) {
    if (comma) {
      rule.add(SchemaCompiler.COMMA, property.key(), SchemaCompiler.COLON, property.value(), rest);
    } else {
      rule.add(property.key(), SchemaCompiler.COLON, property.value(), rest);
    }
  }
}
