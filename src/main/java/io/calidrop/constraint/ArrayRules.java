package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** The arrays of a shape. */
final class ArrayRules {
  private static final int MOST = 10_000; // of a bound

  private final SchemaCompiler compiler;
  private final Shape shape;

  ArrayRules(SchemaCompiler compiler, Shape shape) {
    this.compiler = compiler;
    this.shape = shape;
  }

  void addTo(Rule rule) {
    int least = shape.greatest("minItems", 0);
    int most = shape.least("maxItems", Integer.MAX_VALUE);
    boolean bounded = most < Integer.MAX_VALUE;
    if (least > MOST || bounded && most > MOST) {
      throw new IllegalArgumentException(
          "minItems and maxItems of more than %d are not supported".formatted(MOST));
    }
    int named = 0; // items that differ from those after them
    for (JsonNode schema : shape.schemas()) {
      named = Math.max(named, first(schema).size());
    }
    int last = bounded ? most : Math.max(1, Math.max(named, least));
    Rule after = null; // what follows when there are i items
    for (int i = last; i >= 0; i--) {
      Rule rest = compiler.newRule();
      if (i >= least) {
        rest.add(Text.of("]"));
      }
      if (i < most) {
        Rule item = compiler.rule(item(i));
        Rule next = i == last ? rest : after;
        if (i == 0) {
          rest.add(item, next);
        } else {
          rest.add(SchemaCompiler.COMMA, item, next);
        }
      }
      after = rest;
    }
    rule.add(Text.of("["), after);
  }

  /** The items that are named one by one: as a list of items, too, as older drafts have it. */
  private static JsonNode first(JsonNode schema) {
    JsonNode items = schema.path("items");
    return items.isArray() ? items : schema.path("prefixItems");
  }

  /** What an item must fit. */
  private List<JsonNode> item(int index) {
    List<JsonNode> all = new ArrayList<>();
    for (JsonNode schema : shape.schemas()) {
      JsonNode first = first(schema);
      JsonNode others = schema.path(schema.path("items").isArray() ? "additionalItems" : "items");
      JsonNode item = index < first.size() ? first.get(index) : others;
      if (!item.isMissingNode()) {
        all.add(item);
      }
    }
    return all;
  }
}
