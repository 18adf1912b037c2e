package io.calidrop.fuzz;

import io.calidrop.MicroModel;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.generate.ChatFile;
import io.calidrop.generate.ChatSession;
import io.calidrop.generate.Engine;
import io.calidrop.generate.EngineOptions;
import io.calidrop.generate.GenerationOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged conversations are refused, even where somebody made the checksum right again. */
class ChatFileFuzzTest {
  private static final int MAGIC_BYTES = 16;
  private static final int DIGEST_BYTES = 32;
  private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withMaxTokens(4);

  @TempDir private Path directory;

  @Test
  void aDamagedConversationOfAFullCacheIsRefused() throws IOException {
    check(CacheOptions.full(KvType.F16));
  }

  @Test
  void aDamagedConversationOfPackedRowsIsRefused() throws IOException {
    check(CacheOptions.full(new KvTypes(KvType.Q5_0, KvType.Q4_0)));
  }

  @Test
  void aDamagedConversationOfABoundedCacheIsRefused() throws IOException {
    CacheBudget budget =
        new CacheBudget(48, 4, 16, 16, CacheBudget.Compress.ROLLING, CacheBudget.Positions.REBASE);
    check(
        CacheOptions.full(KvType.F16)
            .bounded(budget, EvictionPolicies.named("h2o"), CalibrationOptions.fold(8, 16, 8)));
  }

  private void check(CacheOptions cache) throws IOException {
    Path file = directory.resolve("chat");
    try (Engine engine =
            Engine.load(
                MicroModel.file(),
                EngineOptions.defaults().withThreads(1).withContextLength(512).withCache(cache));
        ChatSession chat = engine.chat(OPTIONS).system("Be brief.")) {
      ChatFile chats = new ChatFile(engine);
      chat.send("Tell me a long story of the sea and of a whale.", text -> {});
      chat.send("And another.", text -> {});
      chats.save(chat, file);
      byte[] whole = Files.readAllBytes(file);
      Fuzz.Use use =
          bytes -> {
            Files.write(file, bytes);
            chats.load(chat, file);
            chat.send("Hello.", text -> {});
          };
      // Seed 523 had a header said to be larger than its file.
      byte[] header = ByteBuffer.wrap(Arrays.copyOf(whole, 600)).putInt(MAGIC_BYTES, -1).array();
      header[MAGIC_BYTES + 3] = 0x0f;
      Fuzz.check(523, signed(header), Set.of(IOException.class), use);
      Fuzz.seeds()
          .forEach(
              seed -> {
                byte[] damaged = Fuzz.mutated(whole, new Random(seed));
                byte[] input = seed % 8 == 0 ? damaged : signed(damaged);
                Fuzz.check(seed, input, Set.of(IOException.class), use);
              });
    }
  }

  /** With the checksum that its bytes should have. */
  private static byte[] signed(byte[] input) {
    byte[] signed = Arrays.copyOf(input, Math.max(input.length, DIGEST_BYTES));
    int length = signed.length - DIGEST_BYTES;
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(signed, 0, length);
      System.arraycopy(digest.digest(), 0, signed, length, DIGEST_BYTES);
      return signed;
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
