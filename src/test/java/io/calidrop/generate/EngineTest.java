package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.AnsweringModel;
import io.calidrop.MicroModel;
import io.calidrop.TestData;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.model.InferenceSession;
import io.calidrop.sampling.SamplerOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The public interface with models that answer. */
class EngineTest {
  private static final GenerationOptions GREEDY =
      GenerationOptions.defaults().withSampling(SamplerOptions.greedy()).withMaxTokens(24);

  /** The example of the README. */
  @Test
  void fiveLinesOfJava() {
    Path path = TestData.smolLm2();
    List<String> printed = new ArrayList<>();
    try (Engine engine = Engine.load(path);
        ChatSession chat = engine.chat(GREEDY)) {
      GenerationResult result = chat.send("What is the capital of France?", printed::add);
      assertThat(result.text()).contains("Paris");
      assertThat(result.stopReason()).isEqualTo(StopReason.END_TOKEN);
      assertThat(String.join("", printed)).isEqualTo(result.text());
    }
  }

  @Test
  void turnsReuseTheCacheAndGiveTheSameTextAsWithoutIt() {
    try (Engine engine = Engine.load(MicroModel.file())) {
      ChatSession chat = engine.chat(GREEDY);
      chat.send("My name is Ada.", text -> {});
      GenerationResult second = chat.send("What is my name?", text -> {});
      assertThat(second.timings().reusedTokens()).isGreaterThan(30);
      assertThat(chat.messages()).hasSize(4);

      int[] prompt =
          engine.template().encode(chat.messages().subList(0, 3), true, engine.tokenizer());
      GenerationResult fresh =
          new Generator(
                  engine.model(), engine.tokenizer(), Speculator.NONE, SamplerOptions.defaults())
              .generate(
                  engine.newSession(), prompt, prompt.length, GREEDY, text -> {}, () -> false);
      assertThat(fresh.tokens()).isEqualTo(second.tokens());

      chat.clear();
      assertThat(chat.messages()).isEmpty();
    }
  }

  @Test
  void aSeedRepeatsTheTextAndAnotherDoesNot() {
    try (Engine engine = Engine.load(MicroModel.file())) {
      GenerationOptions options =
          GREEDY.withSampling(SamplerOptions.defaults().withTemperature(1.5).withSeed(7));
      String first = engine.complete("Once upon a time", options).text();
      assertThat(engine.complete("Once upon a time", options).text()).isEqualTo(first);
      GenerationOptions other = options.withSampling(options.sampling().withSeed(8));
      assertThat(engine.complete("Once upon a time", other).text()).isNotEqualTo(first);
    }
  }

  @Test
  void aConversationThatDoesNotFitIsRefusedAndStaysAsItWas() {
    try (Engine engine =
        Engine.load(AnsweringModel.endless(), EngineOptions.defaults().withContextLength(64))) {
      ChatSession chat = engine.chat(GREEDY);
      GenerationResult full = chat.send("Count to one hundred.", text -> {});
      assertThat(full.stopReason()).isEqualTo(StopReason.LENGTH);
      assertThatThrownBy(() -> chat.send("And on to a thousand, please. ".repeat(9), text -> {}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("more than the context of 64");
      assertThat(chat.messages()).hasSize(2);
    }
  }

  @Test
  void aBoundedEngineTakesOneLine() {
    EngineOptions options = EngineOptions.defaults().withThreads(1).withBudget(40);
    assertThat(options.cache())
        .isEqualTo(
            CacheOptions.full(KvType.F16)
                .bounded(
                    CacheBudget.of(40),
                    EvictionPolicies.named("streaming"),
                    CalibrationOptions.fold())
                .withStore(Optional.of(StoreOptions.usual(KvTypes.of(KvType.F16)))));
    assertThat(options.withExact(true).withContextLength(8).withExact(false))
        .isEqualTo(options.withContextLength(8));
    try (Engine engine = Engine.load(AnsweringModel.endless(), options.withContextLength(512))) {
      GenerationResult result = engine.complete("Once upon a time", GREEDY.withMaxTokens(600));
      assertThat(result.contextUsed()).isGreaterThan(512);
      assertThat(result.cache().kept()).isLessThan(40 + CacheBudget.DEFAULT_PRUNE_INTERVAL);
    }
  }

  @Test
  void bytesAreSpentAsIsBest() {
    EngineOptions options = EngineOptions.defaults().withThreads(1).withContextLength(512);
    KvTypes low = new KvTypes(KvType.Q5_0, KvType.Q4_0);
    long few;
    try (Engine engine = Engine.load(MicroModel.file(), options.withMemory(1 << 30))) {
      assertThat(engine.cacheOptions()).isEqualTo(CacheOptions.full(KvType.F16));
      few = CacheMemory.bytes(engine.model().config().cacheShape(), low, 512);
    }
    try (Engine engine = Engine.load(MicroModel.file(), options.withMemory(few))) {
      assertThat(engine.cacheOptions()).isEqualTo(CacheOptions.full(low));
      String text = "Once upon a time ".repeat(120);
      int[] tokens = Arrays.copyOf(engine.encode(text), 512);
      try (InferenceSession session = engine.newSession()) {
        engine.model().forward(session, tokens, 0, 511, false);
        engine.model().forward(session, tokens, 511, 512, false);
        assertThat(session.statistics().bytes()).isBetween(few * 8 / 10, few);
      }
    }
    try (Engine engine = Engine.load(MicroModel.file(), options.withMemory(few - 1))) {
      assertThat(engine.cacheOptions()).isEqualTo(CacheOptions.full(KvType.Q4_0));
      few = CacheMemory.bytes(engine.model().config().cacheShape(), KvTypes.of(KvType.Q4_0), 512);
    }
    try (Engine engine = Engine.load(MicroModel.file(), options.withMemory(few - 1))) {
      assertThat(engine.cacheOptions().budget()).isPresent();
      assertThat(engine.cacheOptions().kvTypes()).isEqualTo(low);
    }
    assertThatThrownBy(() -> Engine.load(MicroModel.file(), options.withMemory(1000)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1000 bytes are too few");
  }

  @Test
  void piecesOnTheWayAreTheText() {
    try (Engine engine = Engine.load(MicroModel.file());
        ChatSession chat = engine.chat(GREEDY)) {
      StringBuilder pieces = new StringBuilder();
      GenerationResult result = engine.complete("Once upon a time", GREEDY, pieces::append);
      assertThat(pieces).hasToString(result.text());
      assertThat(engine.complete("Once upon a time", GREEDY.withStop("nowhere", "to be found")))
          .extracting(GenerationResult::text)
          .isEqualTo(result.text());
      assertThat(chat.send("My name is Ada.").text()).isNotEmpty();
    }
  }

  @Test
  void threadsThatShareAnEngineGetWhatEachWouldGetAlone() {
    try (Engine engine = Engine.load(MicroModel.file(), EngineOptions.defaults().withBudget(40))) {
      List<String> prompts =
          IntStream.range(0, 6).mapToObj(i -> ("Once, " + i + " ").repeat(20 + i)).toList();
      List<String> alone = prompts.stream().map(p -> engine.complete(p, GREEDY).text()).toList();
      List<String> together =
          prompts.stream()
              .map(p -> CompletableFuture.supplyAsync(() -> engine.complete(p, GREEDY).text()))
              .toList()
              .stream()
              .map(CompletableFuture::join)
              .toList();
      assertThat(together).isEqualTo(alone);
    }
  }
}
