package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Calls whose arguments stand one by one: texts as they are, everything else as JSON. What stands
 * between is the model's own, such as {@code <tool_call>NAME<arg_key>KEY</arg_key>} or {@code
 * <function=NAME><parameter=KEY>}. Two calls are
 *
 * <pre>mark open NAME first KEY named VALUE valueEnd next KEY named VALUE valueEnd ended
 * again NAME none closed</pre>
 *
 * @param mark what the first call begins with
 * @param open between the mark and a function's name
 * @param first between a function's name and its first parameter's
 * @param named between a parameter's name and its value
 * @param valueEnd what ends a value, which no text may hold
 * @param next between the end of a value and the next parameter's name
 * @param ended between the end of a call's last value and what follows a call
 * @param none between the name of a function without arguments and what follows a call
 * @param again between a call and the next function's name
 * @param closed behind the last call
 */
public record ParameterCalls(
    String mark,
    String open,
    String first,
    String named,
    String valueEnd,
    String next,
    String ended,
    String none,
    String again,
    String closed)
    implements CallForm {
  /** What a schema of arguments may say, since others are about an object as a whole. */
  private static final Set<String> KEYWORDS =
      Set.of("type", "properties", "required", "additionalProperties");

  private static final Pattern TAG = Pattern.compile("<[^<>]*>");

  /**
   * Whether a parameter's value is written as it is. Strings that must fit more than a list of
   * values are not: they are written as JSON, whose rules know the rest.
   */
  @SuppressWarnings("exports") // of Jackson: for who reads requests as JSON
  public boolean isText(JsonNode schema) {
    return schema.path("type").asText().equals("string")
        && schema.propertyStream().map(Map.Entry::getKey).allMatch(ParameterCalls::isOfText)
        && values(schema).stream().noneMatch(value -> value.contains(valueEnd));
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

  @Override
  @SuppressWarnings("exports") // of Jackson: for who reads requests as JSON
  public Constraint grammar(
      Map<String, JsonNode> functions,
      boolean required,
      boolean several,
      Optional<Constraint> otherwise) {
    Rule call = new Rule();
    Rule end = new Rule(); // of a call
    end.add(sequence(closed));
    if (several) {
      end.add(sequence(again, call));
    }
    functions.forEach((name, schema) -> call.add(call(name, schema, end)));
    Rule after = new Rule();
    after.add(sequence(open, call));
    return Mark.constraint(mark, after, required, otherwise);
  }

  /** A call of a function, in the order of its declared parameters. */
  private Symbol[] call(String function, JsonNode schema, Rule end) {
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
    Rule bare = new Rule(); // what may follow the function's name
    bare.add(sequence(none, end));
    Rule rest = new Rule(); // what may follow a value
    rest.add(sequence(ended, end));
    for (String name : new ArrayList<>(names).reversed()) {
      JsonNode given = schema.path("properties").path(name);
      Symbol[] parameter =
          parameter(compiler, name, given.isMissingNode() ? BooleanNode.TRUE : given, rest);
      Rule before = new Rule();
      before.add(sequence(first, parameter));
      Rule between = new Rule();
      between.add(sequence(next, parameter));
      if (!required.contains(name)) {
        before.add(bare);
        between.add(rest);
      }
      bare = before;
      rest = between;
    }
    return new Symbol[] {name(function, first), bare};
  }

  private static Text name(String name, String before) {
    if (name.contains(before.substring(0, 1))) {
      throw new IllegalArgumentException(
          "the name %s is not supported with this model's form of calls".formatted(name));
    }
    return Text.of(name);
  }

  private Symbol[] parameter(SchemaCompiler compiler, String name, JsonNode schema, Rule rest) {
    Rule value = new Rule();
    Rule end = new Rule();
    end.add(sequence(valueEnd));
    if (!isText(schema)) {
      value.add(compiler.rule(List.of(schema)), end);
    } else if (!schema.has("enum")) {
      value.add(Mark.until(valueEnd));
    } else {
      for (String one : values(schema)) {
        value.add(one.isEmpty() ? new Symbol[] {end} : new Symbol[] {Text.of(one), end});
      }
    }
    Rule valued = new Rule();
    valued.add(sequence(named, value, rest));
    return new Symbol[] {name(name, named), valued};
  }

  private static Symbol[] sequence(String text, Symbol... symbols) {
    List<Symbol> all = new ArrayList<>(fixed(text));
    all.addAll(List.of(symbols));
    return all.toArray(Symbol[]::new);
  }

  /** A text whose tags may be control tokens. */
  private static List<Symbol> fixed(String text) {
    List<Symbol> parts = new ArrayList<>();
    int begin = 0;
    for (Matcher tags = TAG.matcher(text); tags.find(); begin = tags.end()) {
      if (begin < tags.start()) {
        parts.add(Text.of(text.substring(begin, tags.start())));
      }
      parts.add(Mark.words(tags.group()));
    }
    if (begin < text.length()) {
      parts.add(Text.of(text.substring(begin)));
    }
    return parts;
  }
}
