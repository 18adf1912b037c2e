package io.calidrop.bench.kernels;

import io.calidrop.constraint.Constraint;
import io.calidrop.constraint.ConstraintState;
import io.calidrop.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * What a JSON schema costs, on one thread, with a vocabulary of 49,152 tokens: a token of an answer
 * of {@value #TOKENS} of them.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class ConstraintBenchmark {
  private static final int VOCABULARY = 49_152;
  private static final int TOKENS = 47;
  private static final String SCHEMA =
      """
      {"$comment": "%d", "type": "object", "properties": {
        "name": {"type": "string", "maxLength": 40},
        "kind": {"enum": ["person", "place", "thing"]},
        "year": {"type": "integer", "minimum": 1000, "maximum": 2100},
        "area": {"type": "number"},
        "parts": {"type": "array", "items": {"type": "string", "pattern": "^[a-z ]*$"}, "maxItems": 9}},
       "required": ["name", "kind", "year", "area", "parts"], "additionalProperties": false}""";
  private static final String ANSWER =
      """
      {"name": "the sea and all of it", "kind": "place", "year": 1492, "area": 361.9, \
      "parts": ["waves of water", "fishes and ships", "islands", "storms and the wind above"]}""";

  private final float[] logits = new float[VOCABULARY];
  private Words tokenizer;
  private Constraint constraint;
  private int[] answer;
  private int schemas;

  /** Every byte, pieces of JSON and words, such as are learned from texts. */
  private static final class Words implements Tokenizer {
    private static final List<String> JSON =
        List.of(
            "{\"", "\": \"", "\": ", "\", \"", "\": [\"", "\"]}", ", \"", "\",", "],", "]}", "[\"");
    private static final int END = 256;
    private static final int LONGEST = 12; // bytes

    private final List<byte[]> bytes;
    private final Map<String, Integer> ids;

    /** The same words, as a vocabulary that nothing is known of. */
    Words(Words other) {
      bytes = other.bytes;
      ids = other.ids;
    }

    Words() {
      bytes = new ArrayList<>();
      ids = new HashMap<>();
      for (int i = 0; i < END; i++) {
        add(new byte[] {(byte) i});
      }
      bytes.add(new byte[0]);
      JSON.forEach(this::add);
      for (String word : ANSWER.split("[^a-z]+")) {
        add(word);
        add(" " + word);
      }
      Random random = new Random(1);
      while (bytes.size() < VOCABULARY) {
        StringBuilder word = new StringBuilder(random.nextBoolean() ? " " : "");
        for (int i = 1 + random.nextInt(LONGEST - 2); i >= 0; i--) {
          word.append((char) ('a' + (int) (26 * Math.pow(random.nextDouble(), 2))));
        }
        add(word.toString());
      }
    }

    private void add(String word) {
      add(word.getBytes(StandardCharsets.ISO_8859_1));
    }

    private void add(byte[] word) {
      if (ids.putIfAbsent(new String(word, StandardCharsets.ISO_8859_1), bytes.size()) == null) {
        bytes.add(word);
      }
    }

    @Override
    public int[] encode(String text, boolean parseSpecial) {
      IntStream.Builder tokens = IntStream.builder();
      for (int at = 0; at < text.length(); ) {
        int end = Math.min(text.length(), at + LONGEST);
        while (!ids.containsKey(text.substring(at, end))) {
          end--;
        }
        tokens.add(ids.get(text.substring(at, end)));
        at = end;
      }
      return tokens.build().toArray();
    }

    @Override
    public byte[] bytes(int token) {
      return bytes.get(token);
    }

    @Override
    public String piece(int token) {
      return new String(bytes(token), StandardCharsets.ISO_8859_1);
    }

    @Override
    public int vocabularySize() {
      return VOCABULARY;
    }

    @Override
    public int bos() {
      return -1;
    }

    @Override
    public int eos() {
      return END;
    }

    @Override
    public boolean addsBos() {
      return false;
    }

    @Override
    public Set<Integer> endTokens() {
      return Set.of(END);
    }

    @Override
    public boolean isControl(int token) {
      return token == END;
    }
  }

  /** Makes the vocabulary. */
  @Setup
  public void setUp() {
    tokenizer = new Words();
    constraint = newConstraint();
    answer = tokenizer.encode(ANSWER, false);
    if (answer.length != TOKENS) {
      throw new IllegalStateException("the answer has %d tokens".formatted(answer.length));
    }
  }

  private Constraint newConstraint() {
    return Constraint.of(SCHEMA.formatted(schemas++));
  }

  private ConstraintState follow(Constraint followed) {
    ConstraintState state = followed.begin(tokenizer);
    for (int token : answer) {
      state.mask(logits);
      state.accept(token);
    }
    return state;
  }

  /** Masks and follows a token, with a schema that had such an answer before. */
  @Benchmark
  @OperationsPerInvocation(TOKENS)
  public ConstraintState again() {
    return follow(constraint);
  }

  /** The same with a schema that is new. */
  @Benchmark
  @OperationsPerInvocation(TOKENS)
  public ConstraintState anew() {
    return follow(newConstraint());
  }

  /** What comes once for a vocabulary. */
  @Benchmark
  public ConstraintState vocabulary() {
    return constraint.begin(new Words(tokenizer));
  }
}
