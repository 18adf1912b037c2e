package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Calls whose arguments are a JSON object. */
public enum JsonCalls implements CallForm {
  /** {@code <tool_call>{"name": .., "arguments": {..}}</tool_call>}, on a line of its own each. */
  TAGS("<tool_call>", "arguments"),
  /** {@code [TOOL_CALLS][{"name": .., "arguments": {..}}, ..]}. */
  LIST("[TOOL_CALLS]", "arguments"),
  /**
   * {@code [TOOL_CALLS]name[ARGS]{..}}, one after another, with {@code [CALL_ID]id} behind the name
   * or without.
   */
  NAMED("[TOOL_CALLS]", "arguments"),
  /** {@code {"name": .., "parameters": {..}}}, and nothing else: one call. */
  OBJECT("{", "parameters");

  /** Between a function's name and its arguments, where the name is no JSON. */
  public static final String ARGUMENTS = "[ARGS]";

  /** Between a function's name and the call's id. */
  public static final String ID = "[CALL_ID]";

  private static final int ID_LENGTH = 9;
  private static final int LAST_BYTE = 0xf7; // of a text

  private final String mark;
  private final String key;

  JsonCalls(String mark, String key) {
    this.mark = mark;
    this.key = key;
  }

  @Override
  public String mark() {
    return mark;
  }

  /** The property that holds the arguments, where they are one. */
  public String key() {
    return key;
  }

  @Override
  @SuppressWarnings("exports") // of Jackson: for who reads requests as JSON
  public Constraint grammar(
      Map<String, JsonNode> functions,
      boolean required,
      boolean several,
      Optional<Constraint> otherwise) {
    Rule call = new Rule();
    functions.forEach((name, schema) -> call.add(call(name, schema)));
    Rule after = new Rule(); // what follows the mark
    switch (this) {
      case TAGS -> {
        Rule rest = new Rule();
        Text end = Mark.words("\n</tool_call>", "</tool_call>");
        for (String open : List.of("<tool_call>\n", "<tool_call>")) {
          after.add(sequence(open.substring(mark.length()), call, end, rest));
        }
        rest.add();
        if (several) {
          rest.add(Mark.words("\n<tool_call>", "<tool_call>"), after);
        }
      }
      case LIST -> {
        Rule rest = new Rule();
        after.add(Text.of("[", " ["), call, rest);
        rest.add(Text.of("]"));
        if (several) {
          rest.add(SchemaCompiler.COMMA, call, rest);
        }
      }
      case NAMED -> {
        Rule rest = new Rule();
        after.add(call, rest);
        rest.add();
        if (several) {
          rest.add(Mark.words(mark), after);
        }
      }
      case OBJECT -> after.add(call);
    }
    if (this != OBJECT) {
      return Mark.constraint(mark, after, required, otherwise);
    }
    Rule root = new Rule();
    if (required || otherwise.isPresent()) {
      root.add(after);
    }
    if (!required && otherwise.isPresent()) {
      root.add(otherwise.get().root());
    } else if (!required) {
      root.add(new Text(noObject()));
      root.add(after);
    }
    return new Constraint(root);
  }

  private Symbol[] call(String name, JsonNode schema) {
    return this == NAMED ? named(name, schema) : json(name, schema);
  }

  private Symbol[] json(String name, JsonNode schema) {
    return new Symbol[] {
      Text.of("{\"name\""),
      SchemaCompiler.COLON,
      new Text(Dfa.words(List.of(Spelling.of(name)))),
      SchemaCompiler.COMMA,
      Text.of("\"" + key + "\""),
      SchemaCompiler.COLON,
      Constraint.of(schema).root(),
      Text.of("}")
    };
  }

  private static Symbol[] named(String name, JsonNode schema) {
    Rule between = new Rule();
    between.add(Mark.words(ARGUMENTS));
    between.add(Mark.words(ID), new Text(id()), Mark.words(ARGUMENTS));
    return new Symbol[] {Text.of(name), between, Constraint.of(schema).root()};
  }

  /** Letters and digits. */
  private static Dfa id() {
    Dfa.Builder out = new Dfa.Builder("an id");
    int state = out.state();
    for (int i = 0; i < ID_LENGTH; i++) {
      int next = out.state();
      out.edge(state, '0', '9', next);
      out.edge(state, 'A', 'Z', next);
      out.edge(state, 'a', 'z', next);
      state = next;
    }
    out.accept(state);
    return out.build();
  }

  private static Symbol[] sequence(String text, Symbol... symbols) {
    List<Symbol> all = new ArrayList<>(List.of(symbols));
    if (!text.isEmpty()) {
      all.addFirst(Text.of(text));
    }
    return all.toArray(Symbol[]::new);
  }

  /** Any text that does not begin as an object does. */
  private static Dfa noObject() {
    Dfa.Builder out = new Dfa.Builder("a text");
    int begin = out.state();
    int text = out.state();
    out.accept(begin);
    out.accept(text);
    out.edge(begin, 0, '{' - 1, text);
    out.edge(begin, '{' + 1, LAST_BYTE, text);
    out.edge(text, 0, LAST_BYTE, text);
    return out.build();
  }
}
