package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.AnsweringModel;
import io.calidrop.MicroModel;
import io.calidrop.model.InferenceSession;
import io.calidrop.sampling.SamplerOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Prompts that share what they may take of a pass. */
class GenerationBatchTest {
  private static Engine engine;

  @BeforeAll
  static void load() {
    engine = Engine.load(MicroModel.file(), EngineOptions.defaults().withThreads(2));
  }

  @AfterAll
  static void close() {
    engine.close();
  }

  private static GenerationOptions options(int tokens) {
    return new GenerationOptions(tokens, SamplerOptions.greedy(), List.of());
  }

  @Test
  void longPromptsStopNeitherStreamsNorShortPrompts() {
    GenerationBatch batch = new GenerationBatch(engine.model(), engine.tokenizer());
    batch.sharePrompts(16);
    String text = "A long story of many words and ".repeat(20);
    int[] longPrompt = engine.encode(text);
    int[] shortPrompt = engine.encode("Once upon a time there was a");
    List<GenerationResult> results = new ArrayList<>();
    List<String> pieces = new ArrayList<>();
    try (InferenceSession first = engine.newSession();
        InferenceSession second = engine.newSession();
        InferenceSession third = engine.newSession()) {
      batch.add(
          first,
          shortPrompt,
          shortPrompt.length,
          options(30),
          pieces::add,
          () -> false,
          results::add);
      batch.step(); // alone it takes the pass
      assertThat(first.position()).isEqualTo(shortPrompt.length);
      batch.add(
          second,
          longPrompt,
          longPrompt.length,
          options(5),
          piece -> {},
          () -> false,
          results::add);
      batch.add(
          third,
          shortPrompt,
          shortPrompt.length,
          options(5),
          piece -> {},
          () -> false,
          results::add);
      batch.step();
      assertThat(first.position()).isEqualTo(shortPrompt.length + 1);
      assertThat(second.position()).isEqualTo(8);
      assertThat(third.position()).isEqualTo(8);
      while (batch.size() > 0) {
        batch.step();
      }
    }
    assertThat(results)
        .extracting(GenerationResult::text)
        .contains(engine.complete(text, options(5)).text());
    assertThat(String.join("", pieces))
        .isEqualTo(engine.complete("Once upon a time there was a", options(30)).text());
  }

  @Test
  void tokensAreToldOfBeforeTheirText() {
    GenerationBatch batch = new GenerationBatch(engine.model(), engine.tokenizer());
    int[] prompt = engine.encode("Once");
    List<Integer> tokens = new ArrayList<>();
    List<GenerationResult> results = new ArrayList<>();
    try (InferenceSession session = engine.newSession()) {
      batch.add(
          session,
          prompt,
          prompt.length,
          options(6),
          (token, logits) -> {
            for (float logit : logits) {
              assertThat(logit).isLessThanOrEqualTo(logits[token]);
            }
            tokens.add(token);
          },
          piece -> assertThat(tokens).isNotEmpty(),
          () -> false,
          results::add);
      while (batch.size() > 0) {
        batch.step();
      }
    }
    assertThat(tokens.stream().mapToInt(Integer::intValue).toArray())
        .isEqualTo(results.getFirst().tokens());
  }

  @Test
  void guessedTokensAreNoPrompt() {
    EngineOptions guessing =
        EngineOptions.defaults()
            .withThreads(2)
            .withSpeculation(new Speculation(8, Optional.empty()));
    try (Engine endless = Engine.load(AnsweringModel.endless(), guessing);
        InferenceSession session = endless.newSession()) {
      GenerationBatch batch = endless.newBatch();
      batch.sharePrompts(1);
      int[] prompt = endless.encode("Go on");
      List<GenerationResult> results = new ArrayList<>();
      batch.add(
          session, prompt, prompt.length, options(400), text -> {}, () -> false, results::add);
      int steps = 0;
      for (; batch.size() > 0; steps++) {
        batch.step();
      }
      assertThat(steps).isLessThan(300);
      assertThat(results.getFirst().tokens())
          .isEqualTo(endless.complete("Go on", options(400)).tokens());
    }
  }
}
