package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.MicroModel;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.gguf.GgufFile;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** A model that is given before its kernels for many tokens are compiled. */
class QuickStartTest {
  private static final int[] TOKENS = IntStream.range(3, 33).toArray();

  private final List<Integer> passes = new ArrayList<>();

  @Test
  void aPromptHasTheSameBits() {
    float[] expected;
    try (GgufFile file = GgufFile.open(MicroModel.file());
        Transformer model = load(file, false)) {
      expected = logits(model);
    }
    assertThat(passes).as("tokens of passes").containsExactly(30);
    passes.clear();
    try (GgufFile file = GgufFile.open(MicroModel.file());
        Transformer model = load(file, true)) {
      assertThat(logits(model)).isEqualTo(expected);
    }
    assertThat(passes.stream().mapToInt(n -> n).sum()).isEqualTo(30);
  }

  @Test
  void untilItWouldTakeLongerTokensComeOneByOne() {
    try (GgufFile file = GgufFile.open(MicroModel.file())) {
      KernelWarmUp warmUp =
          new KernelWarmUp(file, ModelConfigReader.read(file), KvTypes.of(KvType.F16));
      assertThat(warmUp.passTokens(1)).isEqualTo(1);
      for (int left = 60; left > 1; left--) {
        assertThat(warmUp.passTokens(left)).isEqualTo(1);
      }
      assertThat(warmUp.passTokens(6)).as("more than the five passes that are left").isEqualTo(6);
      assertThat(warmUp.passTokens(2)).as("from then on").isEqualTo(2);
    }
  }

  @Test
  void aLongPromptWaitsForItsKernels() {
    try (GgufFile file = GgufFile.open(MicroModel.file())) {
      KernelWarmUp warmUp =
          new KernelWarmUp(file, ModelConfigReader.read(file), KvTypes.of(KvType.F16));
      assertThat(warmUp.passTokens(65)).isEqualTo(65);
      assertThat(warmUp.passTokens(2)).isEqualTo(2);
    }
  }

  @Test
  void aFileThatIsClosedEndsWhatIsStillCompiled() throws InterruptedException {
    List<Throwable> uncaught = new ArrayList<>();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> uncaught.add(failure));
    try {
      try (GgufFile file = GgufFile.open(MicroModel.file());
          Transformer model = load(file, true)) {
        model.beginWarmUp();
      }
      for (Thread thread : Thread.getAllStackTraces().keySet()) {
        if (thread.getName().equals("calidrop-warm-up")) {
          thread.join();
        }
      }
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
    assertThat(uncaught).isEmpty();
  }

  private static Transformer load(GgufFile file, boolean quick) {
    return ModelLoader.load(
        file, new LoadOptions(2, false, quick, config -> KvTypes.of(KvType.F16), () -> new int[0]));
  }

  /** Logits after a prompt; notes the passes that it took. */
  private float[] logits(Transformer model) {
    try (InferenceSession session = model.newSession(TOKENS.length, KvType.F16)) {
      session.observeAttention(
          (layer, count, outputs, stride) -> {
            if (layer == 0) {
              passes.add(count);
            }
          });
      return model.forward(session, TOKENS, 0, TOKENS.length, true).clone();
    }
  }
}
