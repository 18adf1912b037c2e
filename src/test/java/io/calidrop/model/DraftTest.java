package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.CacheForms;
import io.calidrop.MicroModel;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.gguf.GgufFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Guessed tokens whose wrong ones are taken back leave no trace in what follows. */
@Tag("kernel")
class DraftTest {
  private static final int CONTEXT = 256;
  private static final int PROMPT = 70;
  private static final int MOST_DRAFTED = 9;

  @TempDir private static Path directory;

  /** Of the tokens after a prompt, one by one, and what the cache held in the end. */
  private record Expected(int[] tokens, List<float[]> logits, CacheStatistics end) {}

  private static Expected singly(Transformer model, CacheOptions options, int count) {
    int[] tokens = new Random(3).ints(count, 0, MicroModel.VOCABULARY).toArray();
    List<float[]> logits = new ArrayList<>();
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      model.forward(session, tokens, 0, PROMPT, false);
      for (int at = PROMPT; at < count; at++) {
        logits.add(model.forward(session, tokens, at, at + 1, true).clone());
      }
      return new Expected(tokens, logits, session.statistics());
    }
  }

  private static void assertNoTrace(Transformer model, CacheOptions options, int count) {
    Expected expected = singly(model, options, count);
    int[] tokens = expected.tokens();
    Random random = new Random(4);
    int passes = 0;
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      model.forward(session, tokens, 0, PROMPT, false);
      while (session.position() < count) {
        int at = session.position();
        int drafted = Math.min(random.nextInt(MOST_DRAFTED + 1), count - at - 1);
        int right = random.nextInt(drafted + 1);
        int[] run = Arrays.copyOfRange(tokens, at, at + 1 + drafted);
        for (int i = right + 1; i < run.length; i++) {
          run[i] = (run[i] + 1 + random.nextInt(100)) % MicroModel.VOCABULARY;
        }
        model.forward(List.of(new TokenRun(session, run, 0, run.length, drafted)));
        passes++;
        int kept = Math.min(right, session.position() - at - 1);
        for (int i = 0; i <= kept; i++) {
          assertThat(session.logits(i))
              .as("%s, token %d", options, at + i)
              .isEqualTo(expected.logits().get(at + i - PROMPT));
        }
        session.truncate(at + 1 + kept);
      }
      assertThat(passes).as("passes").isLessThan((count - PROMPT) / 2);
      CacheStatistics end = session.statistics();
      assertThat(end.kept()).isEqualTo(expected.end().kept());
      assertThat(end.looks()).isEqualTo(expected.end().looks());
      assertThat(end.calibrated()).isEqualTo(expected.end().calibrated());
      assertThat(end.recomputed()).isEqualTo(expected.end().recomputed());
      assertThat(end.skipped()).isEqualTo(expected.end().skipped());
    }
  }

  private static CacheOptions bounded(
      String policy, Compress compress, CalibrationOptions calibration) {
    CacheBudget budget = new CacheBudget(44, 4, 16, 32, compress, Positions.REBASE);
    return CacheOptions.full(KvType.F16)
        .bounded(budget, EvictionPolicies.named(policy), calibration);
  }

  @ParameterizedTest
  @MethodSource("io.calidrop.MicroModel#families")
  void inEveryFamily(String name) {
    try (GgufFile file = MicroModel.open(name, directory);
        Transformer model = ModelLoader.load(file, new LoadOptions(2, false))) {
      assertNoTrace(model, CacheOptions.full(KvType.F16), CONTEXT);
      CalibrationOptions fold = CalibrationOptions.fold(8, 32, 16);
      assertNoTrace(model, bounded("h2o", Compress.ROLLING, fold), 300); // beyond the context
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"streaming", "tova", "snapkv", "adakv", "expected", "caote:h2o"})
  void underEveryPolicy(String policy) {
    try (GgufFile file = MicroModel.open("family-llama", directory);
        Transformer model = ModelLoader.load(file, new LoadOptions(2, false))) {
      for (Compress compress : Compress.values()) {
        assertNoTrace(model, bounded(policy, compress, CalibrationOptions.fold(8, 32, 16)), 180);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"family-llama", "family-gemma3"})
  void withEveryCalibration(String name) {
    try (GgufFile file = MicroModel.open(name, directory);
        Transformer model = ModelLoader.load(file, new LoadOptions(2, false))) {
      CalibrationOptions.Fold fold = CalibrationOptions.fold(8, 32, 16);
      CacheBudget budget = bounded("h2o", Compress.ROLLING, fold).budget().orElseThrow();
      for (CacheOptions options :
          CacheForms.of(KvTypes.of(KvType.F16), budget, EvictionPolicies.named("h2o"), fold)) {
        assertNoTrace(model, options, 300);
      }
      CacheOptions paper = bounded("h2o", Compress.ROLLING, CalibrationOptions.paper(0.9f, 0.8f));
      assertNoTrace(model, paper, 300);
      Optional<StoreOptions> store = Optional.of(StoreOptions.inRam(paper.kvTypes(), 1));
      assertNoTrace(model, paper.withStore(store), 300);
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void inEveryNumberFormat(KvType type) {
    try (GgufFile file = MicroModel.open("family-gemma3", directory);
        Transformer model = ModelLoader.load(file, new LoadOptions(2, false))) {
      assertNoTrace(model, CacheOptions.full(type), CONTEXT);
    }
  }
}
