package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.CacheForms;
import io.calidrop.TinyModel;
import io.calidrop.attention.AttendedPrompt;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StateStreams;
import io.calidrop.attention.StateTransfer;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.StoreOptions.Place;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.bench.RandomModel;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A model of random weights whose sessions have a bounded cache. */
@Tag("kernel")
class BoundedSessionTest {
  private static final int CONTEXT = 256;

  @TempDir private static Path directory;
  private static TinyModel tiny;
  private static Transformer model;

  @BeforeAll
  static void load() throws IOException {
    tiny = new TinyModel(RandomModel.Mix.F32, directory);
    model = tiny.model();
  }

  @AfterAll
  static void close() {
    tiny.close();
  }

  private static CacheOptions options(
      String policy, Compress compress, CalibrationOptions calibration) {
    CacheBudget budget = new CacheBudget(44, 4, 16, 32, compress, Positions.REBASE);
    return CacheOptions.full(KvType.F16)
        .bounded(budget, EvictionPolicies.named(policy), calibration);
  }

  /** Of every form. */
  private static List<CacheOptions> forms(KvType type, String policy, Compress compress) {
    CacheBudget budget = new CacheBudget(44, 4, 16, 32, compress, Positions.REBASE);
    return CacheForms.of(
        KvTypes.of(type),
        budget,
        EvictionPolicies.named(policy),
        CalibrationOptions.fold(16, 32, 16));
  }

  private static int[] tokens(int count) {
    return new Random(3).ints(count, 0, model.config().vocabulary()).toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"streaming", "h2o", "tova", "adakv", "expected"})
  void aPromptMayBeCutAnyhowBeyondTheContext(String policy) {
    int[] tokens = tokens(700);
    for (CacheOptions options : forms(KvType.F16, policy, Compress.ROLLING)) {
      float[] expected = null;
      for (int batch : new int[] {700, 1, 45}) {
        try (InferenceSession session = model.newSession(CONTEXT, options)) {
          float[] logits = null;
          for (int from = 0; from < tokens.length; from += batch) {
            int to = Math.min(from + batch, tokens.length);
            logits = model.forward(session, tokens, from, to, true);
          }
          expected = expected == null ? logits.clone() : expected;
          assertThat(logits).as("%s by %d", options, batch).isEqualTo(expected);
          assertThat(session.position()).isEqualTo(700);
        }
      }
    }
  }

  @Test
  void compressedOnceAPromptIsAttendedWhole() {
    int[] tokens = tokens(200);
    float[] full;
    try (InferenceSession session = model.newSession(CONTEXT, KvType.F16)) {
      full = model.forward(session, tokens, 0, 200, true).clone();
    }
    CacheOptions options = options("snapkv", Compress.ONCE, CalibrationOptions.fold(16, 32, 16));
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      assertThat(model.forward(session, tokens, 0, 200, true)).isEqualTo(full);
      assertThat(session.statistics().kept()).isEqualTo(44);
    }
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      session.expectPrompt(200);
      model.forward(session, tokens, 0, 130, false);
      assertThat(session.statistics().kept()).isEqualTo(130);
      assertThat(model.forward(session, tokens, 130, 200, true)).isEqualTo(full);
      assertThat(session.statistics().kept()).isEqualTo(44);
      // What comes after stays until budget and interval are passed.
      model.forward(session, tokens, 0, 31, false);
      assertThat(session.statistics().kept()).isEqualTo(75);
      model.forward(session, tokens, 31, 56, false);
      assertThat(session.statistics().kept()).as("at token 256").isEqualTo(44);
    }
  }

  /** Nobody sees from outside that a prompt was read again, but by what was kept of it. */
  @Test
  void aPromptReadAgainLeavesTheSameHoweverItIsCutAndNearTheContextsEnd() {
    CalibrationOptions fold = CalibrationOptions.fold(16, 32, 16);
    for (int length : new int[] {200, CONTEXT - 20}) {
      int[] tokens = tokens(length + 10);
      float[] expected = null;
      for (int batch : new int[] {length, 1, 45}) {
        try (InferenceSession session =
            model.newSession(CONTEXT, options("kvzip", Compress.ONCE, fold))) {
          session.expectPrompt(length);
          for (int from = 0; from < length; from += batch) {
            model.forward(session, tokens, from, Math.min(from + batch, length), from % 2 == 0);
          }
          assertThat(session.position()).isEqualTo(length);
          assertThat(session.statistics().kept()).isEqualTo(44);
          float[] logits = model.forward(session, tokens, length, length + 10, true).clone();
          expected = expected == null ? logits : expected;
          assertThat(logits).as("%d by %d", length, batch).isEqualTo(expected);
        }
      }
      assertThat(expected).doesNotContain(Float.NaN);
    }
  }

  /** An answer may be cut short before the prompt was read again: the next one finds it so. */
  @Test
  void aReadingThatWasLeftIsFinishedByWhatComesNext() {
    int[] tokens = tokens(320);
    CacheOptions options = options("kvzip", Compress.ONCE, CalibrationOptions.off());
    try (InferenceSession whole = model.newSession(CONTEXT, options);
        InferenceSession left = model.newSession(CONTEXT, options)) {
      model.forward(whole, tokens, 0, 300, false);
      left.expectPrompt(300);
      while (left.position() < 300) {
        model.forward(List.of(new TokenRun(left, tokens, left.position(), 300)));
      }
      assertThat(left.statistics().kept()).as("a piece of two was read").isEqualTo(300);
      left.expectPrompt(20);
      assertThat(model.forward(left, tokens, 300, 320, true))
          .isEqualTo(model.forward(whole, tokens, 300, 320, true));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "streaming",
        "h2o",
        "tova",
        "snapkv",
        "adakv",
        "kvzip",
        "expected",
        "caote:h2o",
        "random"
      })
  void aPromptAttendedOnceServesEveryPolicyAndCalibration(String policy) {
    int[] tokens = tokens(210);
    AttendedPrompt prompt =
        model.record(CONTEXT, tokens, 0, 200, KvTypes.of(KvType.F16), 16, 128, true);
    for (CacheOptions options : forms(KvType.F16, policy, Compress.ONCE)) {
      try (InferenceSession own = model.newSession(CONTEXT, options);
          InferenceSession shared = model.newSession(CONTEXT, options)) {
        model.forward(own, tokens, 0, 200, false);
        model.adopt(shared, prompt);
        assertThat(shared.position()).isEqualTo(200);
        assertThat(shared.statistics().kept()).isEqualTo(own.statistics().kept());
        assertThat(model.forward(shared, tokens, 200, 210, true))
            .as("%s", options)
            .isEqualTo(model.forward(own, tokens, 200, 210, true));
      }
    }
    try (InferenceSession own = model.newSession(CONTEXT, KvType.F16);
        InferenceSession shared = model.newSession(CONTEXT, KvType.F16)) {
      model.adopt(shared, prompt);
      assertThat(model.forward(shared, tokens, 200, 210, true))
          .isEqualTo(model.forward(own, tokens, 0, 210, true));
    }
  }

  @Test
  void onlyAnEmptyCacheThatIsCompressedOnceAdoptsAPrompt() {
    AttendedPrompt prompt =
        model.record(CONTEXT, tokens(60), 0, 60, KvTypes.of(KvType.F16), 16, 16, false);
    CalibrationOptions off = CalibrationOptions.off();
    try (InferenceSession rolling =
            model.newSession(CONTEXT, options("streaming", Compress.ROLLING, off));
        InferenceSession taken =
            model.newSession(CONTEXT, options("streaming", Compress.ONCE, off))) {
      assertThatThrownBy(() -> model.adopt(rolling, prompt))
          .hasMessageContaining("compressed once");
      model.forward(taken, tokens(1), 0, 1, false);
      assertThatThrownBy(() -> model.adopt(taken, prompt)).hasMessageContaining("empty cache");
    }
  }

  @Test
  void adoptingWaitsForAPassBecauseBothUseTheSameThreads() throws InterruptedException {
    int[] tokens = tokens(80);
    AttendedPrompt prompt =
        model.record(CONTEXT, tokens, 0, 80, KvTypes.of(KvType.F16), 16, 128, false);
    CacheOptions options = options("snapkv", Compress.ONCE, CalibrationOptions.fold(16, 32, 16));
    try (InferenceSession running = model.newSession(CONTEXT, KvType.F16);
        InferenceSession adopting = model.newSession(CONTEXT, options)) {
      Thread thread = new Thread(() -> model.adopt(adopting, prompt));
      List<Integer> positions = new ArrayList<>();
      running.observeAttention(
          (layer, count, attended, stride) -> {
            if (layer == 0) {
              thread.start();
              awaitBlockedOrEnded(thread);
            }
            positions.add(adopting.position());
          });
      model.forward(running, tokens, 0, 80, false);
      thread.join();
      assertThat(positions).isNotEmpty().containsOnly(0);
      assertThat(adopting.position()).isEqualTo(80);
    }
  }

  private static void awaitBlockedOrEnded(Thread thread) {
    while (thread.getState() != Thread.State.BLOCKED
        && thread.getState() != Thread.State.TERMINATED) {
      Thread.onSpinWait();
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void aForkGoesOnAsItsOriginDoes(KvType type) {
    int[] tokens = tokens(700);
    for (String policy : List.of("streaming", "h2o", "adakv", "expected")) {
      for (CacheOptions options : forms(type, policy, Compress.ROLLING)) {
        assertForks(tokens, options);
      }
    }
    assertForks(Arrays.copyOf(tokens, CONTEXT), CacheOptions.full(type));
  }

  /** Forks before and after a prune, and where positions have been rebased. */
  private static void assertForks(int[] tokens, CacheOptions options) {
    try (InferenceSession origin = model.newSession(CONTEXT, options)) {
      for (int end : new int[] {20, 150, 630}) {
        int to = Math.min(end, tokens.length - 10);
        if (to > origin.position()) {
          model.forward(origin, tokens, origin.position(), to, false);
        }
        try (InferenceSession fork = model.fork(origin)) {
          float[] forked =
              model.forward(fork, tokens, to, Math.min(tokens.length, to + 70), true).clone();
          int rest = Math.min(tokens.length, to + 70);
          assertThat(model.forward(origin, tokens, to, rest, true)).isEqualTo(forked);
          assertThat(fork.statistics().kept()).isEqualTo(origin.statistics().kept());
          assertThat(fork.statistics().stored()).isEqualTo(origin.statistics().stored());
          assertThat(fork.statistics().skipped()).isEqualTo(origin.statistics().skipped());
        }
      }
    }
  }

  /** Over prunes and rebases, pages that turn and pages that leave a store, and more than once. */
  @ParameterizedTest
  @ValueSource(strings = {"none", "all", "few", "file"})
  void aSessionGoesBackToItsMark(String kept) {
    int[] tokens = tokens(1500);
    CacheOptions plain =
        options("streaming", Compress.ROLLING, CalibrationOptions.fold(16, 32, 16));
    long few = 60_000;
    Optional<StoreOptions> store =
        switch (kept) {
          case "none" -> Optional.empty();
          case "all" -> Optional.of(StoreOptions.inRam(plain.kvTypes(), 40));
          case "few" -> Optional.of(StoreOptions.beside(plain.kvTypes(), Place.RAM, few, 40));
          default -> Optional.of(StoreOptions.beside(plain.kvTypes(), Place.FILE, 1 << 20, 40));
        };
    try (InferenceSession session = model.newSession(CONTEXT, plain.withStore(store));
        InferenceSession straight = model.newSession(CONTEXT, plain.withStore(store))) {
      for (int end : new int[] {150, 290, 630, 1000}) {
        model.forward(session, tokens, session.position(), end, false);
        session.mark();
        for (int further : new int[] {1, 45, 400}) {
          model.forward(session, tokens, end, end + further, false);
          assertThat(session.canTruncate(end - 1)).isFalse();
          assertThat(session.canTruncate(end)).isTrue();
          session.truncate(end);
          assertThat(session.position()).isEqualTo(end);
        }
        float[] expected = model.forward(straight, tokens, straight.position(), end + 70, true);
        assertThat(model.forward(session, tokens, end, end + 70, true)).isEqualTo(expected);
        CacheStatistics now = session.statistics();
        assertThat(now.stored()).isEqualTo(straight.statistics().stored());
        assertThat(now.folded()).isEqualTo(straight.statistics().folded());
        assertThat(now.skipped()).isEqualTo(straight.statistics().skipped());
      }
      CacheStatistics last = session.statistics();
      assertThat(last.folded() > 0).isEqualTo(kept.equals("none") || kept.equals("few"));
      assertThat(last.stored() > 0).isEqualTo(!kept.equals("none"));
      session.truncate(0);
      model.forward(session, tokens, 0, 1100, false);
      assertThat(session.canTruncate(1000)).as("after another beginning").isFalse();
    }
  }

  @Test
  void aStateIsReadOnlyByItsLike() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CacheOptions fold = options("h2o", Compress.ROLLING, CalibrationOptions.fold(16, 32, 16));
    try (InferenceSession session = model.newSession(CONTEXT, fold)) {
      model.forward(session, tokens(100), 0, 100, false);
      session.transfer(StateStreams.to(bytes));
    }
    CacheOptions other = options("h2o", Compress.ROLLING, CalibrationOptions.fold(16, 64, 16));
    try (InferenceSession session = model.newSession(CONTEXT, other)) {
      assertThatThrownBy(() -> session.transfer(from(bytes.toByteArray())))
          .hasMessageContaining("ring");
    }
    try (InferenceSession session = model.newSession(CONTEXT, KvType.F32)) {
      assertThatThrownBy(() -> session.transfer(from(bytes.toByteArray())))
          .hasMessageContaining("bytes of a page");
    }
    byte[] cut = Arrays.copyOf(bytes.toByteArray(), bytes.size() - 1);
    try (InferenceSession session = model.newSession(CONTEXT, fold)) {
      assertThatThrownBy(() -> session.transfer(from(cut))).hasMessageContaining("ends early");
    }
  }

  private static StateTransfer from(byte[] bytes) {
    return StateStreams.from(new ByteArrayInputStream(bytes));
  }

  @Test
  void twoHundredThousandTokensNeitherGrowNorFail() {
    int[] tokens = tokens(10_000);
    CacheOptions options = options("h2o", Compress.ROLLING, CalibrationOptions.fold(16, 32, 16));
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      model.forward(session, tokens, 0, tokens.length, false);
      long bytes = session.statistics().bytes();
      float[] logits = null;
      for (int round = 1; round < 20; round++) {
        logits = model.forward(session, tokens, 0, tokens.length, true);
        assertThat(session.statistics().bytes()).isEqualTo(bytes);
      }
      assertThat(session.position()).isEqualTo(200_000);
      for (float logit : logits) {
        assertThat(logit).isFinite();
      }
    }
  }

  @Test
  void whatCannotBeIsRefusedAndLosesNothing() {
    CacheOptions large =
        CacheOptions.full(KvType.F16)
            .bounded(
                CacheBudget.of(200), EvictionPolicies.named("streaming"), CalibrationOptions.off());
    int[] tokens = tokens(300);
    try (InferenceSession session = model.newSession(CONTEXT, large)) {
      assertThat(session.limit()).as("too large to rebase").isEqualTo(CONTEXT);
      assertThatThrownBy(() -> model.forward(session, tokens, 0, 300, false))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("do not fit");
      model.forward(session, tokens, 0, 250, false);
      assertThatThrownBy(() -> session.truncate(100))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("only to 0");
      assertThat(session.position()).isEqualTo(250);
      session.truncate(0);
      assertThat(session.position()).isZero();
    }
  }
}
