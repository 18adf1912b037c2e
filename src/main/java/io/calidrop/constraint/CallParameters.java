package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Calls whose arguments stand one by one, as Qwen3-Coder writes them: texts as they are, everything
 * else as JSON.
 */
public final class CallParameters {
  /** Before a function's name. */
  public static final String FUNCTION = "<function=";

  /** Before a parameter's name. */
  public static final String PARAMETER = "<parameter=";

  /** Behind both names. */
  public static final String NAMED = ">\n";

  /** Behind a value. */
  public static final String VALUE_END = "\n</parameter>";

  /** Behind the last value. */
  public static final String END = "</function>";

  /** What a schema of arguments may say, since others are about an object as a whole. */
  private static final Set<String> KEYWORDS =
      Set.of("type", "properties", "required", "additionalProperties");

  private CallParameters() {}

  /**
   * Whether a parameter's value is written as it is. Strings that must fit more than a list of
   * values are not: they are written as JSON, whose rules know the rest.
   */
  @SuppressWarnings("exports") // of Jackson: for who reads requests as JSON
  public static boolean isText(JsonNode schema) {
    return schema.path("type").asText().equals("string")
        && schema.propertyStream().map(Map.Entry::getKey).allMatch(CallParameters::isOfText)
        && values(schema).stream().noneMatch(value -> value.contains(VALUE_END));
  }

  private static boolean isOfText(String keyword) {
    return keyword.equals("type") || keyword.equals("enum") || SchemaCheck.isSilent(keyword);
  }

  private static List<String> values(JsonNode schema) {
    return schema
        .path("enum")
        .valueStream()
        .filter(JsonNode::isTextual)
        .map(JsonNode::textValue)
        .toList();
  }

  /**
   * A call of a function, in the order of its declared parameters.
   *
   * @throws IllegalArgumentException if the schema says what cannot be followed here
   */
  static Symbol[] call(String function, JsonNode schema) {
    for (String keyword : (Iterable<String>) schema::fieldNames) {
      if (!KEYWORDS.contains(keyword) && !SchemaCheck.isSilent(keyword)) {
        throw new IllegalArgumentException(
            "%s in the parameters of %s is not supported with this model's form of calls"
                .formatted(keyword, function));
      }
    }
    SchemaCompiler compiler = new SchemaCompiler(schema);
    Set<String> required = new LinkedHashSet<>();
    schema.path("required").forEach(name -> required.add(name.textValue()));
    Set<String> names = new LinkedHashSet<>();
    schema.path("properties").fieldNames().forEachRemaining(names::add);
    names.addAll(required);
    Rule rest = new Rule();
    rest.add(Text.of(END));
    for (String name : new ArrayList<>(names).reversed()) {
      Rule at = new Rule();
      JsonNode value = schema.path("properties").path(name);
      at.add(parameter(compiler, name, value.isMissingNode() ? BooleanNode.TRUE : value, rest));
      if (!required.contains(name)) {
        at.add(rest);
      }
      rest = at;
    }
    return new Symbol[] {begin(FUNCTION, function), rest};
  }

  private static Text begin(String mark, String name) {
    if (name.contains(NAMED.substring(0, 1))) {
      throw new IllegalArgumentException(
          "the name %s is not supported with this model's form of calls".formatted(name));
    }
    return Text.of(mark + name + NAMED);
  }

  private static Symbol[] parameter(
      SchemaCompiler compiler, String name, JsonNode schema, Rule rest) {
    Text begin = begin(PARAMETER, name);
    if (!isText(schema)) {
      Rule json = compiler.rule(List.of(schema));
      return new Symbol[] {begin, json, Text.of(VALUE_END + "\n"), rest};
    }
    if (!schema.has("enum")) {
      return new Symbol[] {begin, Mark.until(VALUE_END), Text.of("\n"), rest};
    }
    Rule value = new Rule();
    values(schema).forEach(one -> value.add(Text.of(one + VALUE_END + "\n")));
    return new Symbol[] {begin, value, rest};
  }
}
