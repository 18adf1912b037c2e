package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.constraint.Constraint;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

/** Generations with a scripted model whose tokens are bytes. */
class GenerationTest {
  /** Gives the bytes of a text one by one, then the end token for ever. */
  private static final class Script {
    private static final int MOST = 1024; // tokens at a time

    private final byte[] bytes;
    private final int limit;
    private int given;

    Script(String text, int limit) {
      bytes = text.getBytes(StandardCharsets.UTF_8);
      this.limit = limit;
    }

    GenerationResult run(Generation generation) {
      while (!generation.isDone()) {
        if (generation.isDecoding()) {
          generation.draft(Speculation.MOST);
        }
        int tokens = Math.min(MOST, generation.to() - generation.from());
        assertThat(generation.tokens()).hasSizeGreaterThanOrEqualTo(generation.to());
        assertThat(generation.position() + tokens).isLessThanOrEqualTo(limit);
        boolean whole = tokens == generation.to() - generation.from();
        generation.computed(tokens, drafted -> whole ? logits() : null);
      }
      return generation.result(
          new CacheStatistics(0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ""));
    }

    private float[] logits() {
      float[] logits = new float[TOKENIZER.vocabularySize()];
      logits[given < bytes.length ? bytes[given++] & 0xff : ByteTokens.END] = 1;
      return logits;
    }
  }

  static final Tokenizer TOKENIZER = new ByteTokens("<|end|>");

  private final List<String> pieces = new ArrayList<>();
  private Speculator speculator = Speculator.NONE;

  private GenerationResult generate(
      Script script, int maxTokens, List<String> stop, BooleanSupplier interrupted) {
    return generate(
        script, new GenerationOptions(maxTokens, SamplerOptions.greedy(), stop), interrupted);
  }

  private GenerationResult generate(
      Script script, GenerationOptions options, BooleanSupplier interrupted) {
    GenerationResult result =
        script.run(
            new Generation(
                TOKENIZER,
                new int[] {1, 2, 3, 99},
                3,
                0,
                script.limit,
                options,
                speculator,
                null,
                pieces::add,
                interrupted));
    assertThat(String.join("", pieces)).isEqualTo(result.text());
    return result;
  }

  private GenerationResult generate(Script script, int maxTokens, String... stop) {
    return generate(script, maxTokens, List.of(stop), () -> false);
  }

  @Test
  void endsAtTheEndToken() {
    GenerationResult result = generate(new Script("Hello", 100), 50);
    assertThat(result.text()).isEqualTo("Hello");
    assertThat(result.stopReason()).isEqualTo(StopReason.END_TOKEN);
    assertThat(result.tokens()).containsExactly('H', 'e', 'l', 'l', 'o');
    assertThat(result.contextUsed()).isEqualTo(8);
    assertThat(result.contextLimit()).isEqualTo(100);
    assertThat(result.cache().activeBytes()).isEqualTo(17);
    assertThat(result.timings().promptTokens()).isEqualTo(3);
    assertThat(pieces).containsExactly("H", "e", "l", "l", "o");
  }

  private GenerationResult generate(
      String text, int maxTokens, Constraint constraint, String... stop) {
    GenerationOptions options =
        new GenerationOptions(maxTokens, SamplerOptions.greedy(), List.of(stop))
            .withConstraint(Optional.of(constraint));
    return generate(new Script(text, 100), options, () -> false);
  }

  @Test
  void aConstraintRulesOutWhatDoesNotFitAndEndsWhenNothingCanFollow() {
    Constraint schema = Constraint.of("{\"enum\":[\"Paris\",\"Pau\",null]}");
    GenerationResult result = generate("\"Pxuris, I think", 50, schema);
    assertThat(result.text()).isEqualTo("\"Pau\"");
    assertThat(result.stopReason()).isEqualTo(StopReason.COMPLETE);
  }

  @Test
  void theEndTokenComesWhenTheValueIsComplete() {
    Constraint number = Constraint.of("{\"type\":\"integer\"}");
    GenerationResult result = generate("12", 50, number);
    assertThat(result.text()).isEqualTo("12");
    assertThat(result.stopReason()).isEqualTo(StopReason.END_TOKEN);
  }

  @Test
  void aConstrainedTextEndsAtTheTokenLimitAndAtStopStrings() {
    pieces.clear();
    GenerationResult cut = generate("{\"a\": 5}", 4, Constraint.object());
    assertThat(cut.text()).isEqualTo("{\"a\"");
    assertThat(cut.stopReason()).isEqualTo(StopReason.LENGTH);
    pieces.clear();
    GenerationResult stopped = generate("{\"a\": 5}", 50, Constraint.object(), "5");
    assertThat(stopped.text()).isEqualTo("{\"a\": ");
    assertThat(stopped.stopReason()).isEqualTo(StopReason.STOP_STRING);
  }

  @Test
  void aConstraintBeginsAfterAThought() {
    Constraint after = Constraint.of("{\"enum\":[7]}").after("</think>");
    GenerationResult result = generate("I <think it is 8.</think>\n\n8, really", 50, after);
    assertThat(result.text()).isEqualTo("I <think it is 8.</think>\n\n7");
    assertThat(result.stopReason()).isEqualTo(StopReason.COMPLETE);
  }

  @Test
  void aLongPromptCanBeInterrupted() {
    GenerationOptions options = new GenerationOptions(5, SamplerOptions.greedy(), List.of());
    int[] prompt = new int[3000];
    Script script = new Script("Hello", 10_000);
    GenerationResult result =
        script.run(
            new Generation(
                TOKENIZER,
                prompt,
                prompt.length,
                0,
                script.limit,
                options,
                Speculator.NONE,
                null,
                pieces::add,
                () -> true));
    assertThat(result.stopReason()).isEqualTo(StopReason.INTERRUPTED);
    assertThat(result.contextUsed()).isEqualTo(1024);
    assertThat(result.timings().promptTokens()).isEqualTo(1024);
    assertThat(result.tokens()).isEmpty();
    assertThat(pieces).isEmpty();
  }

  @Test
  void penaltiesAreForWhatTheAnswerHasAndNotForThePrompt() {
    SamplerOptions sampling = SamplerOptions.greedy().withPresencePenalty(5);
    GenerationResult result =
        generate(
            new Script("\1\2\1", 100), // the prompt is 1, 2, 3
            new GenerationOptions(3, sampling, List.of()),
            () -> false);
    assertThat(result.tokens()).startsWith(1, 2).doesNotHaveDuplicates();
  }

  @Test
  void holdsBackIncompleteCharacters() {
    GenerationResult result = generate(new Script("aü🦙b", 100), 50);
    assertThat(pieces).containsExactly("a", "ü", "🦙", "b");
    assertThat(result.tokens()).hasSize(8);
  }

  @Test
  void cutCharactersBecomeTheReplacementCharacter() {
    assertThat(generate(new Script("a🦙", 100), 3).text()).isEqualTo("a\uFFFD");
  }

  @Test
  void endsAtTheTokenLimit() {
    GenerationResult result = generate(new Script("Hello", 100), 3);
    assertThat(result.text()).isEqualTo("Hel");
    assertThat(result.stopReason()).isEqualTo(StopReason.LENGTH);
  }

  @Test
  void endsAtAStopStringAcrossTokensWithoutShowingIt() {
    GenerationResult result = generate(new Script("one\ntwo##three", 100), 50, "###", "##t");
    assertThat(result.text()).isEqualTo("one\ntwo");
    assertThat(result.stopReason()).isEqualTo(StopReason.STOP_STRING);
  }

  @Test
  void releasesWhatOnlyLookedLikeAStopString() {
    GenerationResult result = generate(new Script("ab##", 100), 50, "###");
    assertThat(result.text()).isEqualTo("ab##");
    assertThat(result.stopReason()).isEqualTo(StopReason.END_TOKEN);
  }

  @Test
  void endsWhenTheContextIsFull() {
    GenerationResult result = generate(new Script("Hello", 5), GenerationOptions.UNLIMITED);
    assertThat(result.text()).isEqualTo("Hel");
    assertThat(result.stopReason()).isEqualTo(StopReason.CONTEXT_FULL);
  }

  @Test
  void endsWhenInterruptedAndKeepsTheText() {
    GenerationResult result =
        generate(new Script("Hello", 100), 50, List.of(), () -> pieces.size() == 2);
    assertThat(result.text()).isEqualTo("He");
    assertThat(result.stopReason()).isEqualTo(StopReason.INTERRUPTED);
  }

  @Test
  void refusesAPromptThatDoesNotFit() {
    assertThatThrownBy(() -> generate(new Script("x", 2), 50))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("3 tokens, more than the context of 2");
  }

  @Property(tries = 300)
  void neverShowsAStopString(
      @ForAll @StringLength(max = 40) @CharRange(from = 'a', to = 'c') String text,
      @ForAll @Size(min = 1, max = 3)
          List<@StringLength(min = 1, max = 4) @CharRange(from = 'a', to = 'c') String> stops) {
    GenerationTest fresh = new GenerationTest();
    GenerationResult result = fresh.generate(new Script(text, 100), 50, stops, () -> false);
    int first =
        stops.stream().mapToInt(text::indexOf).filter(at -> at >= 0).min().orElse(text.length());
    // A stop string is noticed when it is complete, so one that begins later but ends earlier wins.
    assertThat(text).startsWith(result.text());
    assertThat(stops).noneMatch(result.text()::contains);
    if (first == text.length()) {
      assertThat(result.text()).isEqualTo(text);
    } else {
      assertThat(result.stopReason()).isEqualTo(StopReason.STOP_STRING);
    }
  }

  @Property(tries = 300)
  void guessedTokensChangeNothing(
      @ForAll @StringLength(max = 60) @CharRange(from = 'a', to = 'c') String text,
      @ForAll @Size(max = 2)
          List<@StringLength(min = 3, max = 5) @CharRange(from = 'a', to = 'c') String> stops,
      @ForAll @IntRange(min = 1, max = 70) int maxTokens,
      @ForAll @IntRange(min = 4, max = 80) int limit,
      @ForAll @IntRange(min = 1, max = 80) int end) {
    List<GenerationResult> results = new ArrayList<>();
    List<List<String>> pieces = new ArrayList<>();
    for (Speculation speculation : List.of(Speculation.off(), Speculation.auto())) {
      GenerationTest fresh = new GenerationTest();
      fresh.speculator = new Speculator(speculation, Optional.empty());
      int[] asked = new int[1];
      results.add(
          fresh.generate(new Script(text, limit), maxTokens, stops, () -> ++asked[0] == end));
      pieces.add(fresh.pieces);
    }
    GenerationResult plain = results.getFirst();
    GenerationResult guessed = results.getLast();
    assertThat(guessed.tokens()).isEqualTo(plain.tokens());
    assertThat(guessed.stopReason()).isEqualTo(plain.stopReason());
    assertThat(guessed.contextUsed()).isEqualTo(plain.contextUsed());
    assertThat(guessed.timings().decodeTokens()).isEqualTo(plain.timings().decodeTokens());
    assertThat(pieces.getLast()).isEqualTo(pieces.getFirst());
    assertThat(plain.draftedTokens()).isZero();
  }

  @Test
  void repetitionsAreGuessed() {
    speculator = new Speculator(Speculation.auto(), Optional.empty());
    GenerationResult result = generate(new Script("abcdefgh".repeat(10), 200), 80);
    assertThat(result.text()).isEqualTo("abcdefgh".repeat(10));
    assertThat(result.acceptedTokens()).isGreaterThan(60);
    assertThat(result.draftedTokens()).isBetween(result.acceptedTokens(), 80);
  }
}
