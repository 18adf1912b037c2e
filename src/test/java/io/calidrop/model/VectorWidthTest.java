package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.CacheForms;
import io.calidrop.MicroModel;
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
import io.calidrop.gguf.GgufFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A model says the same on every machine: logits have the bits that {@code bits.properties} has
 * checksums of, whatever the width of its vectors (this test runs at several). After a change of
 * what is computed they are other ones, the same at every width.
 */
@Tag("kernel")
class VectorWidthTest {
  private static final int LENGTH = 300; // two batches, two attention segments, odd everywhere

  @TempDir private static Path directory;

  @Test
  void weightsOfEveryFormat() throws IOException {
    Map<String, String> actual = new TreeMap<>();
    for (String name : (Iterable<String>) MicroModel.names()::iterator) {
      actual.put("weights." + name, bits(name, KvType.F16));
    }
    assertThat(actual).isEqualTo(expected("weights."));
  }

  @Test
  void cachesOfEveryType() throws IOException {
    Map<String, String> actual = new TreeMap<>();
    for (KvType type : KvType.values()) {
      actual.put("cache." + type, bits("Q4_K_M", type));
    }
    assertThat(actual).isEqualTo(expected("cache."));
  }

  @Test
  void boundedCachesOfEveryForm() throws IOException {
    Map<String, String> actual = new TreeMap<>();
    try (TinyModel tiny = new TinyModel(RandomModel.Mix.F32, directory)) {
      Transformer model = tiny.model();
      int[] tokens = new Random(3).ints(700, 0, model.config().vocabulary()).toArray();
      for (String policy : List.of("h2o", "adakv")) {
        for (KvType type : new KvType[] {KvType.F16, KvType.Q4_0}) {
          CacheBudget budget = new CacheBudget(44, 4, 16, 32, Compress.ROLLING, Positions.REBASE);
          int form = 0;
          for (CacheOptions options :
              CacheForms.of(
                  KvTypes.of(type),
                  budget,
                  EvictionPolicies.named(policy),
                  CalibrationOptions.fold(16, 32, 16))) {
            try (InferenceSession session = model.newSession(256, options)) {
              actual.put(
                  "bounded.%s.%s.%d".formatted(policy, type, form++),
                  crc32(model.forward(session, tokens, 0, tokens.length, true)));
            }
          }
        }
      }
    }
    assertThat(actual).isEqualTo(expected("bounded."));
  }

  private static String bits(String name, KvType type) {
    int[] tokens = new Random(7).ints(LENGTH, 0, MicroModel.VOCABULARY).toArray();
    try (GgufFile file = MicroModel.open(name, directory);
        Transformer model = ModelLoader.load(file, new LoadOptions(2, false))) {
      InferenceSession session = model.newSession(LENGTH, type);
      return crc32(model.forward(session, tokens, 0, LENGTH, true));
    }
  }

  private static String crc32(float[] logits) {
    ByteBuffer bytes = ByteBuffer.allocate(logits.length * Float.BYTES);
    bytes.asFloatBuffer().put(logits);
    CRC32 crc32 = new CRC32();
    crc32.update(bytes);
    return "%08x".formatted(crc32.getValue());
  }

  private static Map<String, String> expected(String prefix) throws IOException {
    Properties all = new Properties();
    try (InputStream in = VectorWidthTest.class.getResourceAsStream("bits.properties")) {
      all.load(in);
    }
    Map<String, String> expected = new TreeMap<>();
    for (String name : all.stringPropertyNames()) {
      if (name.startsWith(prefix)) {
        expected.put(name, all.getProperty(name));
      }
    }
    return expected;
  }
}
