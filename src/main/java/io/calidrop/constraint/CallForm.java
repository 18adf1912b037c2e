package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** How models write calls of functions. */
public enum CallForm {
  /** {@code <tool_call>{"name": .., "arguments": {..}}</tool_call>}, on a line of its own each. */
  TAGS("<tool_call>", "arguments"),
  /**
   * {@code <tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>}, each
   * part on a line of its own; what {@link CallParameters} says of values.
   */
  PARAMETERS("<tool_call>", "arguments"),
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

  CallForm(String mark, String key) {
    this.mark = mark;
    this.key = key;
  }

  /** What the first call begins with: a text, or the text of a control token. */
  public String mark() {
    return mark;
  }

  /** The property that holds the arguments, where they are one. */
  public String key() {
    return key;
  }

  /**
   * What an answer is that may call functions, or must.
   *
   * @param functions schemas of the arguments by the functions' names, at least one
   * @param several whether there may be more than one call, where the form has a way to say so
   * @param otherwise what the answer is where it calls none; empty for any text, which may then
   *     stand before a call, too
   * @throws IllegalArgumentException as {@link Constraint#of(JsonNode)}
   */
  @SuppressWarnings("exports") // of Jackson: for who reads requests as JSON
  public Constraint constraint(
      Map<String, JsonNode> functions,
      boolean required,
      boolean several,
      Optional<Constraint> otherwise) {
    if (otherwise.isPresent()) {
      return grammar(functions, required, several, otherwise);
    }
    String key = "%s %s %s %s".formatted(this, required, several, functions);
    return Constraint.recent(key, () -> grammar(functions, required, several, otherwise));
  }

  private Constraint grammar(
      Map<String, JsonNode> functions,
      boolean required,
      boolean several,
      Optional<Constraint> otherwise) {
    Rule call = new Rule();
    functions.forEach((name, schema) -> call.add(call(name, schema)));
    Rule after = new Rule(); // what follows the mark
    switch (this) {
      case TAGS, PARAMETERS -> {
        Rule rest = new Rule();
        Text end = words("\n</tool_call>", "</tool_call>");
        for (String open : List.of("<tool_call>\n", "<tool_call>")) {
          after.add(sequence(open.substring(mark.length()), call, end, rest));
        }
        rest.add();
        if (several) {
          rest.add(words("\n<tool_call>", "<tool_call>"), after);
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
          rest.add(words(mark), after);
        }
      }
      case OBJECT -> after.add(call);
    }
    Rule root = new Rule();
    if (required || otherwise.isPresent()) {
      root.add(this == OBJECT ? new Symbol[] {after} : new Symbol[] {words(mark), after});
    }
    if (!required && otherwise.isPresent()) {
      root.add(otherwise.get().root());
    } else if (!required) {
      root.add(new Text(this == OBJECT ? noObject() : Mark.without(mark)));
      root.add(this == OBJECT ? new Symbol[] {after} : new Symbol[] {Mark.until(mark), after});
    }
    return new Constraint(root);
  }

  private Symbol[] call(String name, JsonNode schema) {
    return switch (this) {
      case NAMED -> named(name, schema);
      case PARAMETERS -> CallParameters.call(name, schema);
      default -> json(name, schema);
    };
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
    between.add(words(ARGUMENTS));
    between.add(words(ID), new Text(id()), words(ARGUMENTS));
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

  /** Texts whose mark may be a control token. */
  private static Text words(String... texts) {
    List<byte[]> words = new ArrayList<>();
    for (String text : texts) {
      String blank = text.startsWith("\n") ? "\n" : "";
      byte[] before = blank.getBytes(StandardCharsets.UTF_8);
      byte[] control = TokenBytes.control(text.substring(blank.length()));
      byte[] word = new byte[before.length + control.length];
      System.arraycopy(before, 0, word, 0, before.length);
      System.arraycopy(control, 0, word, before.length, control.length);
      words.add(word);
      words.add(text.getBytes(StandardCharsets.UTF_8));
    }
    return new Text(Dfa.words(words));
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
