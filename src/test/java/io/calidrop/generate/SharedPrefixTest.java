package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.TinyModel;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.bench.RandomModel;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Beginnings that prompts share, on a model of random weights. */
class SharedPrefixTest {
  private static final int CONTEXT = 512;
  private static final int[] NONE = {};

  @TempDir private static Path directory;
  private static TinyModel tiny;
  private static Transformer model;

  @BeforeAll
  static void load() throws IOException {
    tiny = new TinyModel(RandomModel.Mix.Q4_0, directory);
    model = tiny.model();
  }

  @AfterAll
  static void close() {
    tiny.close();
  }

  private static CacheOptions bounded(Compress compress) {
    return CacheOptions.full(KvType.F16)
        .bounded(
            new CacheBudget(44, 4, 16, 32, compress, Positions.REBASE),
            EvictionPolicies.named("h2o"),
            CalibrationOptions.fold(8, 32, 16));
  }

  /** The first {@code common} tokens of all, then others. */
  private static int[] prompt(int common, int seed) {
    int vocabulary = model.config().vocabulary();
    return IntStream.concat(
            new Random(0).ints(200, 0, vocabulary).limit(common),
            IntStream.concat(
                IntStream.of(seed % vocabulary), new Random(seed).ints(20, 0, vocabulary)))
        .toArray();
  }

  private static float[] logits(InferenceSession session, int[] prompt) {
    return model.forward(session, prompt, session.position(), prompt.length, true).clone();
  }

  private static float[] alone(CacheOptions options, int[] prompt) {
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      return logits(session, prompt);
    }
  }

  /** Begins another session with a prompt; returns how many of its tokens were there. */
  private static int begin(
      SharedPrefix prefix, CacheOptions options, int[] prompt, int[] following) {
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      prefix.begin(session, NONE, prompt, following, true);
      int there = session.position();
      assertThat(logits(session, prompt)).isEqualTo(alone(options, prompt));
      return there;
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void isLearnedFromTwoPromptsAndGivenToOthers(boolean budget) {
    CacheOptions full = CacheOptions.full(new KvTypes(KvType.Q5_0, KvType.Q4_0));
    CacheOptions options = budget ? bounded(Compress.ROLLING) : full;
    SharedPrefix prefix = new SharedPrefix(model);
    assertThat(begin(prefix, options, prompt(100, 1), prompt(100, 2))).isEqualTo(100);
    assertThat(begin(prefix, options, prompt(100, 2), NONE)).isEqualTo(100);
    // No other prompt tells that more is shared: it stays.
    assertThat(begin(prefix, options, prompt(150, 3), prompt(100, 4))).isEqualTo(100);
    assertThat(begin(prefix, options, prompt(110, 5), prompt(110, 6))).isEqualTo(100);
    // Much more is shared: it grows.
    assertThat(begin(prefix, options, prompt(150, 7), prompt(150, 8))).isEqualTo(150);
    assertThat(begin(prefix, options, prompt(150, 8), NONE)).isEqualTo(150);
    // A prompt has the first part of it only: that is what all share.
    assertThat(begin(prefix, options, prompt(60, 9), prompt(60, 10))).isEqualTo(60);
    assertThat(begin(prefix, options, prompt(150, 11), NONE)).isEqualTo(60);
    // Another has nothing of it.
    int[] other = new Random(99).ints(50, 0, model.config().vocabulary()).toArray();
    assertThat(begin(prefix, options, other, NONE)).isZero();
    assertThat(begin(prefix, options, prompt(150, 12), NONE)).isEqualTo(60);
  }

  @Test
  void aFullCacheGoesBackToWhatItHolds() {
    CacheOptions options = CacheOptions.full(KvType.F16);
    SharedPrefix prefix = new SharedPrefix(model);
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      int[] first = prompt(100, 1);
      prefix.begin(session, NONE, first, prompt(100, 2), false);
      assertThat(session.position()).as("there is no other to copy to").isZero();
      logits(session, first);
      int[] second = prompt(90, 2);
      prefix.begin(session, first, second, NONE, false);
      assertThat(session.position()).isEqualTo(90);
      assertThat(logits(session, second)).isEqualTo(alone(options, second));
      prefix.begin(session, second, second, NONE, false);
      assertThat(session.position()).as("the last token gives logits").isEqualTo(110);
    }
  }

  @Test
  void aCacheThatIsCompressedOnceObservesItsPromptWhole() {
    SharedPrefix prefix = new SharedPrefix(model);
    CacheOptions once = bounded(Compress.ONCE);
    assertThat(begin(prefix, once, prompt(100, 1), prompt(100, 2))).isZero();
    assertThat(begin(prefix, once, prompt(100, 2), NONE)).isZero();
  }

  @Test
  void aPromptThatDoesNotFitIsLeftToBeRefused() {
    CacheOptions options = CacheOptions.full(KvType.F16);
    SharedPrefix prefix = new SharedPrefix(model);
    try (InferenceSession session = model.newSession(50, options)) {
      prefix.begin(session, NONE, prompt(100, 1), prompt(100, 2), true);
      assertThat(session.position()).isZero();
    }
  }
}
