package io.calidrop.constraint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.tokenizer.Tokenizer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * What a text may be: what a JSON schema describes. The JSON is written in one style: without
 * blanks but for one after a comma or a colon, properties in the order of the schema, characters of
 * strings as they are or by their shortest escape. Immutable and safe for concurrent use.
 */
public final class Constraint {
  private static final int KEPT =
      16; // schemas, so that requests with the same one share its states

  private static final ObjectMapper JSON =
      new ObjectMapper(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(4 * Limits.LEVELS).build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

  private static final Map<String, Constraint> RECENT =
      new LinkedHashMap<>(KEPT, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Constraint> eldest) {
          return size() > KEPT;
        }
      };

  private final Rule root;
  private final Map<String, Constraint> later = new ConcurrentHashMap<>(); // after a mark
  private volatile Automaton automaton; // of the last vocabulary, or null

  Constraint(Rule root) {
    this.root = root;
    root.settle();
    if (root.height() > Limits.DEPTH) {
      throw new IllegalArgumentException(
          root.height() < Rule.INFINITE
              ? "the schema needs values of more than %d levels".formatted(Limits.DEPTH / 2)
              : "no value fits the schema, or none that ends");
    }
  }

  /**
   * Values of a JSON schema.
   *
   * @throws IllegalArgumentException if it is none, asks for what is not supported, fits no value,
   *     or is too large; the message is one line
   */
  @SuppressWarnings("exports") // of Jackson: for who reads requests as JSON
  public static Constraint of(JsonNode schema) {
    String text = schema.toString();
    Limits.check(text.length(), Limits.CHARACTERS, "the schema");
    return recent(text, () -> new Constraint(new SchemaCompiler(schema).compile()));
  }

  /** What was made of a text lately, or is made of it now. */
  static Constraint recent(String text, Supplier<Constraint> maker) {
    synchronized (RECENT) {
      Constraint known = RECENT.get(text);
      if (known == null) {
        known = maker.get();
        RECENT.put(text, known);
      }
      return known;
    }
  }

  /**
   * Values of a JSON schema that is a text.
   *
   * @throws IllegalArgumentException as {@link #of(JsonNode)}, or if the text is no JSON
   */
  public static Constraint of(String schema) {
    try {
      return of(JSON.readTree(schema));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "the schema is no JSON: " + e.getOriginalMessage().replaceAll("\\s+", " "), e);
    }
  }

  /** Any JSON object. */
  public static Constraint object() {
    return of("{\"type\":\"object\"}");
  }

  Rule root() {
    return root;
  }

  /**
   * The same after any text that ends with a mark, such as a thought, and at most two line ends.
   *
   * @param mark as text or as a control token
   */
  public Constraint after(String mark) {
    return later.computeIfAbsent(
        mark,
        key -> {
          Text until = Mark.until(key);
          Rule all = new Rule();
          all.add(until, root);
          all.add(until, Text.of("\n", "\n\n"), root);
          return new Constraint(all);
        });
  }

  /**
   * A text's beginning.
   *
   * @throws IllegalArgumentException if the vocabulary cannot say every text
   */
  public ConstraintState begin(Tokenizer tokenizer) {
    TokenBytes tokens = TokenBytes.of(tokenizer);
    Automaton known = automaton;
    if (known == null || known.tokens() != tokens) {
      known = new Automaton(root, tokens);
      automaton = known;
    }
    return new ConstraintState(known, known.start());
  }
}
