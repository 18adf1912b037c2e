package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.MicroModel;
import io.calidrop.TestData;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.gguf.GgufFile;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.LoadOptions;
import io.calidrop.model.ModelLoader;
import io.calidrop.model.Transformer;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Tokenizers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Text is the same to the bit, greedy and sampled, however its tokens were guessed. */
class SpeculationTest {
  private static final int CONTEXT = 250;
  private static final int TOKENS = 60;
  private static final LoadOptions TWO_THREADS = new LoadOptions(2, false);

  @TempDir private static Path directory;

  private static List<CacheOptions> caches() {
    CacheOptions full = CacheOptions.full(KvType.F16);
    CacheBudget budget = new CacheBudget(44, 4, 16, 32, Compress.ROLLING, Positions.REBASE);
    return List.of(
        full,
        full.bounded(budget, EvictionPolicies.named("h2o"), CalibrationOptions.fold(8, 32, 16)));
  }

  private static List<SamplerOptions> samplings() {
    SamplerOptions defaults = SamplerOptions.defaults();
    return List.of(
        SamplerOptions.greedy(),
        defaults.withSeed(1),
        defaults.withTemperature(1.5).withTopK(0).withTopP(1).withMinP(0).withSeed(2));
  }

  private static Speculator lookup(int tokens) {
    return new Speculator(new Speculation(tokens, Optional.empty()), Optional.empty());
  }

  /** Tokens, the second half the first again. */
  private static int[] prompt(long seed, int length) {
    int[] tokens = new Random(seed).ints(length, 3, MicroModel.VOCABULARY).toArray();
    System.arraycopy(tokens, 0, tokens, length / 2, length / 2);
    return tokens;
  }

  private record Model(Transformer model, Tokenizer tokenizer) {
    GenerationResult generate(
        int[] prompt, CacheOptions cache, SamplerOptions sampling, Speculator speculator) {
      GenerationOptions options = new GenerationOptions(TOKENS, sampling, List.of());
      try (InferenceSession session = model.newSession(CONTEXT, cache)) {
        return new Generator(model, tokenizer, speculator, SamplerOptions.defaults())
            .generate(session, prompt, prompt.length, options, text -> {}, () -> false);
      }
    }
  }

  private static void assertSame(GenerationResult actual, GenerationResult expected) {
    assertThat(actual.tokens()).isEqualTo(expected.tokens());
    assertThat(actual.text()).isEqualTo(expected.text());
    assertThat(actual.stopReason()).isEqualTo(expected.stopReason());
    assertThat(actual.contextUsed()).isEqualTo(expected.contextUsed());
    assertThat(actual.cache().kept()).isEqualTo(expected.cache().kept());
  }

  @ParameterizedTest
  @MethodSource("io.calidrop.MicroModel#families")
  void inEveryFamily(String name) {
    Path path = directory.resolve(name + ".gguf");
    try (GgufFile file = MicroModel.open(name, directory);
        Transformer transformer = ModelLoader.load(file, TWO_THREADS)) {
      Model model = new Model(transformer, Tokenizers.from(file.metadata()));
      try (DraftModel draft = DraftModel.load(path, model.tokenizer(), TWO_THREADS)) {
        Speculator itself = // whose guesses are right where greedy, and many where not
            new Speculator(new Speculation(4, Optional.of(path)), Optional.of(draft));
        int accepted = 0;
        int drafted = 0;
        for (CacheOptions cache : caches()) {
          for (SamplerOptions sampling : samplings()) {
            int[] prompt = prompt(5, 80);
            GenerationResult plain = model.generate(prompt, cache, sampling, Speculator.NONE);
            assertThat(plain.draftedTokens()).isZero();
            for (Speculator speculator : List.of(itself, lookup(7), lookup(Speculation.AUTO))) {
              GenerationResult result = model.generate(prompt, cache, sampling, speculator);
              assertSame(result, plain);
              accepted += result.acceptedTokens();
              drafted += result.draftedTokens();
            }
          }
        }
        assertThat(accepted).isGreaterThan(50);
        assertThat(drafted - accepted).as("wrong guesses").isGreaterThan(50);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {3, Speculation.AUTO})
  void inASharedPass(int tokens) {
    try (GgufFile file = MicroModel.open("family-gemma3", directory);
        Transformer transformer = ModelLoader.load(file, TWO_THREADS)) {
      Model model = new Model(transformer, Tokenizers.from(file.metadata()));
      GenerationBatch batch =
          new GenerationBatch(
              transformer, model.tokenizer(), lookup(tokens), SamplerOptions.defaults());
      List<GenerationResult> expected = new ArrayList<>();
      List<GenerationResult> results = new ArrayList<>();
      for (CacheOptions cache : caches()) {
        for (SamplerOptions sampling : samplings()) {
          int[] prompt = prompt(7 + expected.size(), 60 + 10 * expected.size());
          int i = expected.size();
          expected.add(model.generate(prompt, cache, sampling, Speculator.NONE));
          results.add(null);
          batch.add(
              transformer.newSession(CONTEXT, cache),
              prompt,
              prompt.length,
              new GenerationOptions(TOKENS, sampling, List.of()),
              text -> {},
              () -> false,
              result -> results.set(i, result));
          batch.step(); // others join later
        }
      }
      while (batch.size() > 0) {
        batch.step();
      }
      for (int i = 0; i < expected.size(); i++) {
        assertSame(results.get(i), expected.get(i));
      }
    }
  }

  /**
   * Turns, one taken back and one answered anew, in a cache that keeps all and in one that folds.
   */
  @Test
  void inAConversation() {
    for (CacheOptions cache : caches()) {
      List<List<String>> conversations = new ArrayList<>();
      for (Speculation speculation :
          List.of(Speculation.off(), new Speculation(6, Optional.empty()))) {
        EngineOptions how =
            EngineOptions.defaults().withThreads(2).withCache(cache).withSpeculation(speculation);
        GenerationOptions options = GenerationOptions.defaults().withMaxTokens(40);
        int drafted = 0;
        try (Engine engine = Engine.load(MicroModel.file(), how);
            ChatSession chat = engine.chat(options)) {
          for (int turn = 0; turn < 4; turn++) {
            drafted += chat.send("Say it again and again and again, " + turn + "!").draftedTokens();
          }
          chat.undo();
          chat.send("Once more?");
          chat.regenerate(text -> {}, () -> false);
          conversations.add(chat.messages().stream().map(ChatMessage::content).toList());
        }
        assertThat(drafted > 0).isEqualTo(speculation.tokens() > 0);
      }
      assertThat(conversations.getLast()).isEqualTo(conversations.getFirst());
    }
  }

  private static void assertSameOf(Path path, int least) {
    String text =
        "The keeper, Tobias Wren, climbed the hundred and forty-two steps every evening at dusk."
            + " He found the lamp already lit, and a letter lay on the brass railing.";
    try (Engine engine = Engine.load(path)) {
      Model model = new Model(engine.model(), engine.tokenizer());
      int[] prompt = engine.encode(text + "\n\n" + text + "\n\n" + text + "\n\nThe keeper,");
      for (SamplerOptions sampling : List.of(SamplerOptions.greedy(), SamplerOptions.defaults())) {
        for (CacheOptions cache : caches()) {
          GenerationResult plain = model.generate(prompt, cache, sampling, Speculator.NONE);
          GenerationResult guessed = model.generate(prompt, cache, sampling, lookup(7));
          assertSame(guessed, plain);
          assertThat(guessed.acceptedTokens()).isGreaterThan(cache.budget().isEmpty() ? least : 0);
        }
      }
    }
  }

  @Test
  void onSmolLm2() {
    assertSameOf(TestData.smolLm2(), 5);
  }

  @Test
  void onGemma3() {
    assertSameOf(TestData.gemma3(), 5);
  }
}
