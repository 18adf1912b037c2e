package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.sampling.SamplerOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What speculation costs and saves where passes take known times. */
class DraftPlanTest {
  private static final int PROMPT = 200;
  private static final int LENGTH = 1200;
  private static final double UNIT = 1e6; // nanoseconds of a pass of one token

  /** A pass of two costs twice one, and each further token a sixth. */
  private static double steep(int tokens) {
    return tokens == 1 ? 1 : 2 + (tokens - 2) / 6.0;
  }

  private static double flat(int tokens) {
    return 1 + 0.2 * (tokens - 1);
  }

  /** Time that texts take together, in times of decoding without guesses. */
  private static double share(IntToDoubleFunction cost, List<int[]> texts) {
    Speculator speculator = new Speculator(Speculation.auto(), Optional.empty());
    DraftPlan plan = speculator.plan();
    List<Generation> generations = new ArrayList<>();
    for (int[] text : texts) {
      generations.add(generation(speculator, text));
    }
    plan.draft(generations);
    int[] given = new int[texts.size()];
    for (int i = 0; i < given.length; i++) {
      generations.get(i).computed(PROMPT, logits(texts.get(i), given, i));
    }
    plan.passed(PROMPT * given.length, 0, 0, (long) (UNIT * PROMPT * given.length / 8));
    double time = 0;
    double plain = 0;
    while (!generations.getFirst().isDone()) {
      plan.draft(generations);
      int tokens = 0;
      int accepted = 0;
      for (int i = 0; i < given.length; i++) {
        Generation generation = generations.get(i);
        int before = generation.acceptedTokens();
        int computed = generation.to() - generation.from();
        tokens += computed;
        generation.computed(computed, logits(texts.get(i), given, i));
        accepted += generation.acceptedTokens() - before;
      }
      double took = cost.applyAsDouble(tokens);
      plan.passed(tokens, accepted, 0, (long) (UNIT * took));
      time += took;
      plain += cost.applyAsDouble(given.length) * (given.length + accepted) / given.length;
    }
    return time / plain;
  }

  /** Draws the text's next tokens, each once. */
  private static IntFunction<float[]> logits(int[] text, int[] given, int i) {
    return drafted -> {
      float[] logits = new float[257];
      logits[text[PROMPT + given[i]++]] = 1;
      return logits;
    };
  }

  private static Generation generation(Speculator speculator, int[] text) {
    return new Generation(
        GenerationTest.TOKENIZER,
        text,
        PROMPT,
        0,
        Integer.MAX_VALUE,
        new GenerationOptions(LENGTH, SamplerOptions.greedy(), List.of()),
        speculator,
        null,
        piece -> {},
        () -> false);
  }

  private static void assertCostsLittle(int[] text) {
    assertThat(share(DraftPlanTest::steep, List.of(text))).as("steep").isLessThan(1.03);
    assertThat(share(DraftPlanTest::flat, List.of(text))).as("flat").isLessThan(1.03);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 6, 20, 200})
  void noiseCostsLittle(int letters) {
    assertCostsLittle(new Random(letters).ints(PROMPT + LENGTH, 0, letters).toArray());
  }

  @Test
  void textThatNeverGoesOnAsItDidCostsLittle() {
    Random random = new Random(5);
    int[] text = random.ints(PROMPT + LENGTH, 0, 9).toArray();
    PromptLookup lookup = new PromptLookup(text, PROMPT);
    int[] guess = new int[1];
    for (int i = PROMPT; i < text.length; i++) {
      if (lookup.draft(1, guess, new double[1]) > 0 && guess[0] == text[i]) {
        text[i] = 9;
      }
      lookup.accept(text[i]);
    }
    assertCostsLittle(text);
  }

  @Test
  void copiesThatEndCostLittle() {
    int[] text = copy(7);
    int half = PROMPT + LENGTH / 8;
    Random random = new Random(8);
    for (int i = half; i < text.length; i++) {
      text[i] = random.nextInt(5);
    }
    assertCostsLittle(text);
  }

  /** The prompt again and again, with another token here and there. */
  private static int[] copy(long seed) {
    Random random = new Random(seed);
    int[] text = random.ints(PROMPT + LENGTH, 0, 200).toArray();
    for (int i = PROMPT; i < text.length; i++) {
      if (random.nextInt(25) > 0) {
        text[i] = text[i - PROMPT];
      }
    }
    return text;
  }

  @Test
  void copiesAreMuchFaster() {
    assertThat(share(DraftPlanTest::flat, List.of(copy(1)))).isLessThan(0.5);
    assertThat(share(DraftPlanTest::steep, List.of(copy(1)))).isLessThan(0.6);
  }

  @Test
  void generationsThatShareAPassGainToo() {
    List<int[]> texts = List.of(copy(1), copy(2), copy(3), copy(4));
    assertThat(share(DraftPlanTest::flat, texts)).isLessThan(0.75);
    assertThat(share(DraftPlanTest::steep, texts)).isLessThan(0.7);
  }

  @Test
  void aFixedNumberIsGuessedWhateverItCosts() {
    Speculator speculator = new Speculator(new Speculation(5, Optional.empty()), Optional.empty());
    Generation generation = generation(speculator, copy(1));
    DraftPlan plan = speculator.plan();
    generation.computed(PROMPT, logits(copy(1), new int[1], 0));
    generation.computed(1, logits(copy(1), new int[] {1}, 0));
    plan.draft(List.of(generation));
    assertThat(generation.drafted()).isEqualTo(5);
  }
}
