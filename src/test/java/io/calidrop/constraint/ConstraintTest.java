package io.calidrop.constraint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.time.OffsetTime;
import java.util.stream.IntStream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What schemas allow and what they do not, document by document. */
class ConstraintTest {
  private static final WordTokenizer TOKENIZER = RandomAnswer.TOKENIZER;

  private static final String TREE =
      """
      {"type":"object","required":["v"],"properties":{"v":{"type":"integer"},
      "next":{"anyOf":[{"$ref":"#"},{"type":"null"}]},"all":{"type":"array","items":{"$ref":"#"}}}}""";

  /** Whether every token of a text is allowed, and the text may end there. */
  private static boolean allows(String schema, String text) {
    ConstraintState state = Constraint.of(schema).begin(TOKENIZER);
    for (int token : TOKENIZER.encode(text, false)) {
      if (!state.allows(token)) {
        return false;
      }
      state.accept(token);
    }
    return state.isComplete() && state.allows(WordTokenizer.END);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "{}~{\"a\": [1, -0.5e3, \"x\\n\\u0001é🦙\", true, null, {}]}",
        "{}~\"日本\\\"\\\\\"",
        "{\"type\":\"object\"}~{\"name\":\"ab\",\"list\":[]}",
        "{\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"b\"]}~{\"b\": 1}",
        "{\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"b\"]}~{\"a\":{\"c\":2},\"b\": 1}",
        "{\"properties\":{\"a\":{}},\"additionalProperties\":{\"type\":\"null\"}}~{\"a\": 1, \"ab\": null,\"\":null}",
        "{\"additionalProperties\":{\"type\":\"integer\"},\"minProperties\":1}~{\"x\":1,\"y\":2}",
        "{\"patternProperties\":{\"^x\":{\"const\":1}},\"additionalProperties\":false}~{\"x1\":1}",
        "{\"propertyNames\":{\"enum\":[\"k\"]},\"additionalProperties\":{\"const\":1}}~{\"k\":1}",
        "{\"type\":\"string\",\"minLength\":2,\"maxLength\":2}~\"🦙é\"",
        "{\"type\":\"string\",\"pattern\":\"^(\\\\d{3}-)?\\\\w+$\"}~\"123-abc\"",
        "{\"type\":\"string\",\"pattern\":\"b\"}~\"abc\"",
        "{\"type\":\"string\",\"pattern\":\"^$\"}~\"\"",
        "{\"type\":\"string\",\"format\":\"date-time\"}~\"2024-02-29T23:59:59.5+01:00\"",
        "{\"type\":\"string\",\"format\":\"ipv6\"}~\"::1\"",
        "{\"type\":\"string\",\"format\":\"ipv6\"}~\"2001:db8::8a2e:370:7334\"",
        "{\"type\":\"string\",\"format\":\"email\"}~\"a.b@example.com\"",
        "{\"type\":\"string\",\"format\":\"duration\"}~\"P1DT2H3M4S\"",
        "{\"type\":\"string\",\"format\":\"uuid\"}~\"01234567-89ab-CDEF-0123-456789abcdef\"",
        "{\"type\":\"string\",\"format\":\"uri\"}~\"https://example.com/a/b?c=d\"",
        "{\"type\":\"integer\",\"minimum\":-10,\"exclusiveMaximum\":100}~-10",
        "{\"type\":\"integer\",\"minimum\":-10,\"exclusiveMaximum\":100}~99",
        "{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":0.5}~0.0001",
        "{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":0.5}~0.500",
        "{\"type\":\"number\",\"multipleOf\":0.25}~-12.75",
        "{\"type\":[\"integer\",\"null\"]}~null",
        "{\"enum\":[1,\"a\",[2,{\"b\":\"c\"}]]}~[2, {\"b\": \"c\"}]",
        "{\"const\":{\"a\":null}}~{\"a\":null}",
        "{\"anyOf\":[{\"type\":\"string\",\"maxLength\":2},{\"type\":\"string\",\"minLength\":5}]}~\"abcdef\"",
        "{\"allOf\":[{\"minLength\":2},{\"maxLength\":3,\"type\":\"string\"}],\"pattern\":\"^a\"}~\"abc\"",
        "{\"allOf\":[{\"properties\":{\"a\":{\"minimum\":3}},\"required\":[\"a\"]},"
            + "{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{}}}]}~{\"a\":3,\"b\":0}",
        "{\"prefixItems\":[{\"const\":1}],\"items\":{\"const\":2}}~[1,2,2]",
        "{\"items\":[{\"const\":1}],\"additionalItems\":false}~[1]",
        "{\"type\":\"array\",\"minItems\":2,\"maxItems\":3}~[1, [], \"x]\"]",
      })
  void allowsWhatFits(String schema, String text) throws JsonProcessingException {
    assertThat(allows(schema, text)).isTrue();
    if (!schema.contains("additionalItems")) { // of an older draft
      RandomLogitsTest.requireFits(new ObjectMapper().readTree(schema), text);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "{}~{\"a\":1",
        "{}~[1,]",
        "{}~01",
        "{}~{ }",
        "{\"type\":\"object\"}~[]",
        "{\"properties\":{\"a\":{}},\"required\":[\"a\"]}~{}",
        "{\"properties\":{\"a\":{}}}~{\"b\":1}",
        "{\"properties\":{\"a\":{\"type\":\"null\"}},\"additionalProperties\":true}~{\"a\":1}",
        "{\"additionalProperties\":{\"type\":\"integer\"},\"minProperties\":1}~{}",
        "{\"maxProperties\":1}~{\"x\":1,\"y\":2}",
        "{\"patternProperties\":{\"^x\":{\"const\":1}}}~{\"x1\":2}",
        "{\"type\":\"string\",\"maxLength\":2}~\"🦙éa\"",
        "{\"type\":\"string\",\"minLength\":2}~\"\\n\"",
        "{\"type\":\"string\",\"pattern\":\"^a\"}~\"ba\"",
        "{\"type\":\"string\",\"pattern\":\"a$\"}~\"ab\"",
        "{\"type\":\"string\",\"format\":\"date\"}~\"2023-02-29\"",
        "{\"type\":\"integer\"}~1.0",
        "{\"type\":\"integer\"}~-0",
        "{\"type\":\"integer\",\"minimum\":-10,\"exclusiveMaximum\":100}~100",
        "{\"type\":\"integer\",\"minimum\":-10,\"exclusiveMaximum\":100}~-11",
        "{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":0.5}~0.000",
        "{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":0.5}~0.501",
        "{\"type\":\"number\",\"multipleOf\":0.25}~0.3",
        "{\"enum\":[1,\"a\"],\"type\":\"string\"}~1",
        "{\"allOf\":[{\"enum\":[1,2]},{\"enum\":[2,3]}]}~1",
        "{\"type\":\"array\",\"minItems\":2,\"maxItems\":3}~[1]",
        "{\"type\":\"array\",\"maxItems\":1}~[1,2]",
        "{\"items\":[{\"const\":1}],\"additionalItems\":false}~[1,1]",
        "{\"anyOf\":[{\"minimum\":3},{\"type\":\"null\"}]}~2",
      })
  void refusesWhatDoesNotFit(String schema, String text) {
    assertThat(allows(schema, text)).isFalse();
  }

  @Test
  void schemasMayBeRecursive() {
    assertThat(
            allows(
                TREE, "{\"v\":1,\"next\":{\"v\":2,\"next\":null},\"all\":[{\"v\": 3}, {\"v\":4}]}"))
        .isTrue();
    assertThat(allows(TREE, "{\"v\":1,\"next\":{}}")).isFalse();
    assertThat(allows("{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}", "null")).isTrue();
  }

  @Test
  void depthIsBounded() {
    String list = "{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}";
    assertThat(allows(list, "[".repeat(100) + "]".repeat(100))).isTrue();
    assertThat(allows(list, "[".repeat(1000) + "]".repeat(1000))).isFalse();
  }

  @Test
  void aLengthMayBeLarge() {
    String schema = "{\"type\":\"string\",\"minLength\":1000,\"maxLength\":1000000}";
    assertThat(allows(schema, "\"" + "x".repeat(999) + "\"")).isFalse();
    assertThat(allows(schema, "\"" + "x".repeat(1000) + "\"")).isTrue();
  }

  @Test
  void endsOnlyWhereTheValueIsComplete() {
    ConstraintState state = Constraint.of("{\"type\":\"integer\"}").begin(TOKENIZER);
    assertThat(state.allows(WordTokenizer.END)).isFalse();
    state.accept('1');
    assertThat(state.allows(WordTokenizer.END)).isTrue();
    assertThat(state.isFinished()).isFalse();

    ConstraintState object = Constraint.object().begin(TOKENIZER);
    object.accept('{');
    ConstraintState other = object.copy();
    object.accept('}');
    assertThat(object.isFinished()).isTrue();
    assertThat(other.isComplete()).isFalse();
    assertThat(IntStream.range(0, TOKENIZER.vocabularySize()).filter(object::allows))
        .containsExactly(WordTokenizer.END);
    assertThatThrownBy(() -> object.accept('}')).hasMessageContaining("does not fit");
  }

  @Test
  void theMaskIsWhatMayBeAccepted() {
    for (int seed = 0; seed < 40; seed++) {
      Constraint constraint = Constraint.of(RandomSchema.of(seed));
      RandomAnswer.to(constraint, seed)
          .ifPresent(
              text -> {
                ConstraintState state = constraint.begin(TOKENIZER);
                for (int token : TOKENIZER.encode(text, false)) {
                  requireSame(state);
                  state.accept(token);
                }
              });
    }
  }

  private static void requireSame(ConstraintState state) {
    float[] logits = new float[TOKENIZER.vocabularySize()];
    state.mask(logits);
    for (int id = 0; id < logits.length; id++) {
      boolean fits = id == WordTokenizer.END ? state.isComplete() : accepts(state.copy(), id);
      assertThat(logits[id] == 0).as("token %d", id).isEqualTo(fits);
    }
  }

  private static boolean accepts(ConstraintState state, int token) {
    try {
      state.accept(token);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  @Test
  void timesAreTimes() {
    Constraint time = Constraint.of("{\"type\":\"string\",\"format\":\"time\"}");
    for (int seed = 0; seed < 50; seed++) {
      String text = RandomAnswer.to(time, seed).orElseThrow();
      OffsetTime.parse(text.substring(1, text.length() - 1));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "{\"not\":{}}~not is not supported",
        "{\"properties\":{\"a\":{\"if\":true}}}~at /properties/a: if is not supported",
        "{\"uniqueItems\":true}~uniqueItems is not supported",
        "{\"minLenght\":1}~unknown keyword minLenght",
        "{\"type\":\"text\"}~type is one of object",
        "{\"minLength\":-1}~minLength is a whole number",
        "{\"exclusiveMinimum\":true}~exclusiveMinimum is a number",
        "{\"format\":\"iban\"}~format \"iban\" is not supported: there are date,",
        "{\"pattern\":\"a(?=b)\"}~(?= is not supported",
        "{\"pattern\":\"(a)\\\\1\"}~\\1 is not supported",
        "{\"pattern\":\"a\\\\b\"}~\\b is not supported",
        "{\"pattern\":\"(a\"}~a ( without its )",
        "{\"pattern\":\"[a\"}~a [ without its ]",
        "{\"$ref\":\"#\"}~refers to itself",
        "{\"allOf\":[{\"$ref\":\"#\"}]}~refers to itself",
        "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}}~refers to itself",
        "{\"$ref\":\"#/$defs/a\"}~leads to no place",
        "{\"$ref\":\"http://example.com/x\"}~a reference is to a place in the schema",
        "{\"anyOf\":[{\"$ref\":\"#\"}]}~no value fits",
        "{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}~no value fits the schema, or none that ends",
        "{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}~no value fits",
        "false~no value fits",
        "[]~a schema is an object",
        "{~is no JSON",
        "{\"multipleOf\":1234.5}~multipleOf of more than 1000",
        "{\"maxItems\":100000}~more than 10000",
        "{\"pattern\":\"(a|b)*a(a|b){20}\"}~too large an automaton",
        "{\"pattern\":\"((((a{99}){99}){99}){99}){99}\"}~too large an automaton",
        "{\"pattern\":\"^[ab]+$\",\"maxLength\":1000000}~too large an automaton",
      })
  void whatCannotBeIsRefusedInOneLine(String schema, String message) {
    Assertions.assertThatThrownBy(() -> Constraint.of(schema))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void hostileSchemasAreRefusedFast(int kind) {
    String schema =
        switch (kind) {
          case 1 -> "{\"items\":".repeat(5000) + "{}" + "}".repeat(5000);
          case 2 -> "{\"items\":".repeat(100) + "{}" + "}".repeat(100);
          case 3 -> "[" + "1,".repeat(1_100_000) + "1]";
          case 4 -> "{\"enum\":[" + "\"aaaaaaaaaa%d\",".repeat(1).formatted(1) + words() + "]}";
          default ->
              "{\"allOf\":["
                  + "{\"anyOf\":[{\"minLength\":1},{\"maxLength\":9},{\"type\":\"string\"}]},"
                      .repeat(30)
                  + "{}]}";
        };
    ThreadMXBean threads = ManagementFactory.getThreadMXBean(); // others' time is none of its own
    long start = threads.getCurrentThreadCpuTime();
    assertThatThrownBy(() -> Constraint.of(schema))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageNotContaining("\n");
    assertThat(Duration.ofNanos(threads.getCurrentThreadCpuTime() - start))
        .isLessThan(Duration.ofSeconds(30));
  }

  /** More bytes than an automaton may have, within the characters that a schema may have. */
  private static String words() {
    StringBuilder words = new StringBuilder();
    for (int i = 0; i < 100_000; i++) {
      words.append('"').append(i * 7919L).append("aaaaaaaaa\",");
    }
    return words.append("1").toString();
  }

  @Test
  void aLargeEnumIsNoTrouble() {
    StringBuilder values = new StringBuilder("{\"enum\":[");
    IntStream.range(0, 20_000).forEach(i -> values.append("\"value ").append(i).append("\","));
    assertThat(allows(values.append("null]}").toString(), "\"value 19999\"")).isTrue();
  }
}
