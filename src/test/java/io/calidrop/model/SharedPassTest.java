package io.calidrop.model;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.TinyModel;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.bench.RandomModel;
import io.calidrop.gguf.GgufFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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

/** Sessions that share passes over the weights, against the same ones alone. */
@Tag("kernel")
class SharedPassTest {
  private static final int CONTEXT = 700;

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

  private static List<CacheOptions> options() {
    CacheOptions full = CacheOptions.full(KvType.F16);
    CacheBudget rolling = new CacheBudget(44, 4, 16, 32, Compress.ROLLING, Positions.REBASE);
    CacheBudget once = new CacheBudget(44, 4, 16, 32, Compress.ONCE, Positions.REBASE);
    CalibrationOptions fold = CalibrationOptions.fold(8, 32, 16);
    Optional<StoreOptions> store = Optional.of(StoreOptions.inRam(full.kvTypes(), 40));
    return List.of(
        full,
        full.bounded(rolling, EvictionPolicies.named("h2o"), fold),
        full.bounded(once, EvictionPolicies.named("snapkv"), fold),
        CacheOptions.full(KvType.Q8_0),
        full.bounded(rolling, EvictionPolicies.named("tova"), fold).withStore(store),
        full.bounded(rolling, EvictionPolicies.named("adakv"), CalibrationOptions.off()),
        full.bounded(once, EvictionPolicies.named("kvzip"), fold));
  }

  private static int[] tokens(int sequence) {
    return new Random(sequence).ints(60 + 97 * sequence, 0, model.config().vocabulary()).toArray();
  }

  /** Where sequences differ in how they are fed: prompts whole, the rest token by token. */
  private static int prompt(int sequence) {
    return tokens(sequence).length - 40 + sequence;
  }

  private static List<float[]> alone(int sequence) {
    List<float[]> logits = new ArrayList<>();
    int[] tokens = tokens(sequence);
    try (InferenceSession session = model.newSession(CONTEXT, options().get(sequence))) {
      int to = prompt(sequence);
      for (int from = 0; from < tokens.length; from = to, to++) {
        logits.add(model.forward(session, tokens, from, to, true).clone());
      }
    }
    return logits;
  }

  @Test
  void aSessionGetsWhatItWouldGetAlone() {
    int sequences = options().size();
    List<InferenceSession> sessions = new ArrayList<>();
    List<List<float[]>> logits = new ArrayList<>();
    for (CacheOptions options : options()) {
      sessions.add(model.newSession(CONTEXT, options));
      logits.add(new ArrayList<>());
    }
    Random random = new Random(1);
    int passes = 0;
    while (true) {
      List<TokenRun> runs = new ArrayList<>();
      List<Integer> who = new ArrayList<>();
      for (int s = 0; s < sequences; s++) {
        InferenceSession session = sessions.get(s);
        int from = session.position();
        // Sequences begin, pause and end at any time.
        if (from < tokens(s).length && random.nextInt(3) > 0) {
          if (from == 0) {
            session.expectPrompt(prompt(s));
          }
          who.add(s);
          runs.add(new TokenRun(session, tokens(s), from, Math.max(prompt(s), from + 1)));
        }
      }
      model.forward(runs);
      passes++;
      for (int i = 0; i < runs.size(); i++) {
        if (sessions.get(who.get(i)).position() == runs.get(i).to()) {
          logits.get(who.get(i)).add(sessions.get(who.get(i)).logits().clone());
        }
      }
      boolean more = false;
      for (int s = 0; s < sequences; s++) {
        more |= sessions.get(s).position() < tokens(s).length;
      }
      if (!more) {
        break;
      }
    }
    assertThat(passes).as("the passes were shared").isLessThan(40 * sequences);
    for (int s = 0; s < sequences; s++) {
      assertThat(logits.get(s)).as("sequence %d", s).containsExactlyElementsOf(alone(s));
    }
    sessions.forEach(InferenceSession::close);
  }

  @Test
  void aPassTakesWhatFitsAndTellsHowMuch() {
    int[] tokens = tokens(5);
    try (InferenceSession first = model.newSession(CONTEXT, KvType.F16);
        InferenceSession second = model.newSession(CONTEXT, KvType.F16)) {
      TokenRun one = new TokenRun(first, tokens, 0, 200);
      model.forward(List.of(one, new TokenRun(second, tokens, 0, tokens.length)));
      assertThat(first.position()).isEqualTo(200);
      assertThat(second.position()).isEqualTo(ForwardPass.MAX_BATCH - 200);
      assertThat(second.logits()).isNull();

      TokenRun next = new TokenRun(first, tokens, 200, 201);
      assertThatThrownBy(() -> model.forward(List.of(next, next)))
          .hasMessageContaining("a session comes twice");
      TokenRun wrong = new TokenRun(second, new int[] {-1}, 0, 1);
      assertThatThrownBy(() -> model.forward(List.of(next, wrong)))
          .hasMessageContaining("token -1 is not in the vocabulary");
      assertThat(first.position()).as("unchanged").isEqualTo(200);
      model.forward(List.of());
    }
  }

  @Test
  void aContextNeedNotBeAMultipleOfAGroup() throws IOException {
    byte[] bytes = Files.readAllBytes(directory.resolve("tiny-Q4_0.gguf"));
    String key = "llama.context_length";
    int at = new String(bytes, ISO_8859_1).indexOf(key) + key.length();
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(at + Integer.BYTES, 6);
    Path path = Files.write(directory.resolve("context.gguf"), bytes);
    int[] tokens = tokens(0);
    try (GgufFile weights = GgufFile.open(path);
        Transformer other = ModelLoader.load(weights, new LoadOptions(2, false));
        InferenceSession session = model.newSession(CONTEXT, KvType.F16);
        InferenceSession small = other.newSession(CONTEXT, KvType.F16)) {
      assertThat(other.config().contextLength()).isEqualTo(6);
      assertThat(other.forward(small, tokens, 0, 45, true))
          .isEqualTo(model.forward(session, tokens, 0, 45, true));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = RandomModel.Mix.class,
      names = {"F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"})
  void theOrderInAPassDoesNotMatter(RandomModel.Mix mix) throws IOException {
    try (TinyModel other = new TinyModel(mix, directory)) {
      List<List<float[]>> logits = new ArrayList<>();
      for (int order = 0; order < 2; order++) {
        List<TokenRun> runs = new ArrayList<>();
        for (int s = 0; s < 5; s++) {
          runs.add(
              new TokenRun(other.model().newSession(CONTEXT, KvType.F16), tokens(s), 0, 1 + 7 * s));
        }
        List<InferenceSession> sessions = runs.stream().map(TokenRun::session).toList();
        other.model().forward(order == 0 ? runs : runs.reversed());
        logits.add(sessions.stream().map(InferenceSession::logits).toList());
      }
      assertThat(logits.get(1)).containsExactlyElementsOf(logits.get(0));
    }
  }
}
