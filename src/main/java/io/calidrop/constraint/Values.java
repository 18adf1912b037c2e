package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The values of {@code enum} and {@code const} that fit what stands beside them. */
final class Values {
  private final Shape shape;
  private final Set<Shape.Type> types;
  private final Strings strings;
  private final NumberLexeme.Bounds bounds;

  Values(Shape shape, Set<Shape.Type> types) {
    this.shape = shape;
    this.types = types;
    strings = new Strings(shape.schemas());
    bounds = shape.bounds(false);
  }

  void addTo(Rule rule) {
    List<byte[]> words = new ArrayList<>();
    for (JsonNode value : listed()) {
      if (!fits(value)) {
        continue;
      }
      if (value.isContainerNode()) {
        rule.add(sequence(value));
      } else {
        words.add(word(value));
      }
    }
    if (!words.isEmpty()) {
      rule.add(new Text(Dfa.words(words)));
    }
  }

  /** The values that all lists have. */
  private List<JsonNode> listed() {
    List<JsonNode> all = null;
    for (JsonNode schema : shape.schemas()) {
      if (schema.has("const")) {
        all = common(all, List.of(schema.get("const")));
      }
      if (schema.has("enum")) {
        List<JsonNode> values = new ArrayList<>();
        schema.get("enum").forEach(values::add);
        all = common(all, values);
      }
    }
    return all;
  }

  private static List<JsonNode> common(List<JsonNode> all, List<JsonNode> values) {
    return all == null
        ? values
        : all.stream().filter(a -> values.stream().anyMatch(b -> same(a, b))).toList();
  }

  private static boolean same(JsonNode a, JsonNode b) {
    return a.equals(
        (x, y) ->
            x.isNumber() && y.isNumber() ? number(x).compareTo(number(y)) : x.equals(y) ? 0 : 1,
        b);
  }

  private static BigDecimal number(JsonNode value) {
    return value.decimalValue();
  }

  private boolean fits(JsonNode value) {
    return switch (value.getNodeType()) {
      case STRING -> types.contains(Shape.Type.STRING) && strings.contains(value.textValue());
      case NUMBER -> isNumber(value);
      case BOOLEAN -> types.contains(Shape.Type.BOOLEAN);
      case NULL -> types.contains(Shape.Type.NULL);
      case ARRAY -> isContainer(Shape.Type.ARRAY);
      default -> isContainer(Shape.Type.OBJECT);
    };
  }

  private boolean isNumber(JsonNode value) {
    BigDecimal number = number(value);
    boolean whole = number.stripTrailingZeros().scale() <= 0;
    if (!types.contains(Shape.Type.NUMBER) && !(whole && types.contains(Shape.Type.INTEGER))) {
      return false;
    }
    return isAbove(number)
        && isBelow(number)
        && (bounds.multipleOf() == null || number.remainder(bounds.multipleOf()).signum() == 0);
  }

  private boolean isAbove(BigDecimal number) {
    int compared = bounds.low() == null ? 1 : number.compareTo(bounds.low());
    return compared > 0 || compared == 0 && !bounds.aboveLow();
  }

  private boolean isBelow(BigDecimal number) {
    int compared = bounds.high() == null ? -1 : number.compareTo(bounds.high());
    return compared < 0 || compared == 0 && !bounds.belowHigh();
  }

  private boolean isContainer(Shape.Type type) {
    if (shape.isAbout(type)) {
      throw new IllegalArgumentException(
          "enum or const of an object or array beside keywords about it is not supported");
    }
    return types.contains(type);
  }

  private static Symbol[] sequence(JsonNode value) {
    List<Symbol> all = new ArrayList<>();
    append(value, all);
    return all.toArray(Symbol[]::new);
  }

  private static void append(JsonNode value, List<Symbol> out) {
    if (!value.isContainerNode()) {
      out.add(new Text(Dfa.words(List.of(word(value)))));
      return;
    }
    out.add(Text.of(value.isArray() ? "[" : "{"));
    boolean first = true;
    for (Map.Entry<String, JsonNode> field : value.properties()) {
      if (!first) {
        out.add(SchemaCompiler.COMMA);
      }
      first = false;
      out.add(new Text(Dfa.words(List.of(Spelling.of(field.getKey())))));
      out.add(SchemaCompiler.COLON);
      append(field.getValue(), out);
    }
    for (int i = 0; value.isArray() && i < value.size(); i++) {
      if (i > 0) {
        out.add(SchemaCompiler.COMMA);
      }
      append(value.get(i), out);
    }
    out.add(Text.of(value.isArray() ? "]" : "}"));
  }

  private static byte[] word(JsonNode value) {
    return value.isTextual()
        ? Spelling.of(value.textValue())
        : value.asText().getBytes(StandardCharsets.UTF_8);
  }
}
