package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.MicroModel;
import io.calidrop.attention.KvType;
import io.calidrop.gguf.GgufFile;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A token's logits are the same bits however its prompt was cut and however many threads computed.
 */
@Tag("kernel")
class BitIdentityTest {
  private static final int LENGTH = 300; // two batches, two attention segments, odd everywhere

  @TempDir private static Path directory;

  static Stream<String> names() {
    return MicroModel.names();
  }

  @ParameterizedTest
  @MethodSource("names")
  void anyBatchGivesTheSameBits(String name) {
    float[] expected = logits(name, KvType.F16, 1, LENGTH);
    for (int batch : new int[] {1, 7, 64, 256}) {
      assertThat(logits(name, KvType.F16, 2, batch)).as("batch %d", batch).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void anyCacheFormatGivesTheSameBitsForAnyBatchAndThreads(KvType kvType) {
    float[] expected = logits("Q4_K_M", kvType, 1, LENGTH);
    for (int batch : new int[] {1, 33}) {
      for (int threads : new int[] {1, 2, 5}) {
        assertThat(logits("Q4_K_M", kvType, threads, batch)).isEqualTo(expected);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void goingBackGivesTheSameBits(KvType kvType) {
    int[] tokens = tokens();
    try (GgufFile file = open("Q8_0");
        Transformer model = ModelLoader.load(file, new LoadOptions(2, false))) {
      InferenceSession session = model.newSession(LENGTH, kvType);
      model.forward(session, tokens, 0, 90, false);
      session.mark();
      float[] expected = model.forward(session, tokens, 90, 200, true).clone();
      session.truncate(90);
      model.forward(session, new int[] {1, 2, 3}, 0, 3, false);
      session.truncate(90);
      assertThat(session.position()).isEqualTo(90);
      assertThat(model.forward(session, tokens, 90, 200, true)).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void wherePrecisionHasGoneASessionRefusesToGoBack(KvType kvType) {
    int[] tokens = tokens();
    try (GgufFile file = open("Q8_0");
        Transformer model = ModelLoader.load(file, new LoadOptions(2, false))) {
      InferenceSession session = model.newSession(LENGTH, kvType);
      model.forward(session, tokens, 0, 90, false);
      float[] expected = model.forward(session, tokens, 90, 200, true).clone();
      assertThat(session.canTruncate(90)).as("within the last batch").isTrue();
      session.truncate(90);
      model.forward(session, tokens, 90, 180, false);
      model.forward(session, tokens, 180, 290, false);
      assertThat(session.isRewindable()).isEqualTo(kvType.bits() >= 8);
      assertThat(session.canTruncate(90)).isEqualTo(session.isRewindable());
      session.truncate(185);
      assertThat(model.forward(session, tokens, 185, 200, true)).isEqualTo(expected);
      session.truncate(0);
      assertThat(model.forward(session, tokens, 0, 200, true)).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void aForkGoesOnWithTheSameBits(KvType kvType) {
    int[] tokens = tokens();
    try (GgufFile file = open("Q8_0");
        Transformer model = ModelLoader.load(file, new LoadOptions(2, false))) {
      InferenceSession session = model.newSession(LENGTH, kvType);
      model.forward(session, tokens, 0, 150, false);
      InferenceSession fork = model.fork(session);
      float[] expected = model.forward(session, tokens, 150, 230, true).clone();
      assertThat(model.forward(fork, tokens, 150, 230, true)).isEqualTo(expected);
    }
  }

  @Test
  void logitsOfEveryTokenAreThoseOfTheLastOne() {
    int[] tokens = tokens();
    try (GgufFile file = open("Q4_0");
        Transformer model = ModelLoader.load(file, new LoadOptions(2, false))) {
      InferenceSession single = model.newSession(LENGTH, KvType.F16);
      int[] calls = {0};
      model.forward(
          model.newSession(LENGTH, KvType.F16),
          tokens,
          0,
          LENGTH,
          (index, logits, offset) -> {
            assertThat(index).isEqualTo(calls[0]++);
            float[] expected = model.forward(single, tokens, index, index + 1, true);
            for (int i = 0; i < expected.length; i++) {
              assertThat(logits[offset + i]).isEqualTo(expected[i]);
            }
          });
      assertThat(calls[0]).isEqualTo(LENGTH);
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (GgufFile file = open("Q4_0");
        Transformer model = ModelLoader.load(file, new LoadOptions(1, false))) {
      InferenceSession session = model.newSession(10, KvType.F16);
      assertThatThrownBy(() -> model.forward(session, new int[11], 0, 11, true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("11 tokens do not fit: 0 of 10 positions are taken");
      assertThatThrownBy(() -> model.forward(session, new int[] {384}, 0, 1, true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("token 384 is not in the vocabulary of 384");
      assertThat(session.position()).isZero();
    }
  }

  private static float[] logits(String name, KvType kvType, int threads, int batch) {
    int[] tokens = tokens();
    try (GgufFile file = open(name);
        Transformer model = ModelLoader.load(file, new LoadOptions(threads, false))) {
      InferenceSession session = model.newSession(LENGTH, kvType);
      float[] logits = null;
      for (int from = 0; from < LENGTH; from += batch) {
        int to = Math.min(from + batch, LENGTH);
        logits = model.forward(session, tokens, from, to, to == LENGTH);
      }
      return logits.clone();
    }
  }

  private static GgufFile open(String name) {
    return MicroModel.open(name, directory);
  }

  private static int[] tokens() {
    return new Random(7).ints(LENGTH, 0, MicroModel.VOCABULARY).toArray();
  }
}
