package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.StoreOptions.Place;
import io.calidrop.attention.policy.EvictionPolicies;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Stored rows in a file, and what becomes of them where that fails. */
@Tag("kernel")
class FileStoreTest {
  private static final int DIM = 64;
  private static final CacheShape SHAPE = new CacheShape(1, 2, 1, DIM);

  @TempDir private Path directory;

  private static float[] gaussian(Random random, int n) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  private static StoredRows stored(PageMemory memory, long bytes) {
    StoreOptions options =
        new StoreOptions(Place.FILE, bytes, 50, new KvTypes(KvType.Q5_0, KvType.Q4_0));
    return new StoredRows(SHAPE, options, memory, AttentionStream.rotation(DIM), 1500);
  }

  /** Adds rows bit by bit, and reads some of them now and then; what was read. */
  private static List<float[]> use(StoredRows stored, int rows, EvictedRows leaving) {
    Random random = new Random(3);
    Recall recall = new Recall(SHAPE, 1);
    List<float[]> outs = new ArrayList<>();
    for (int row = 0; row < rows; ) {
      EvictedRows some = new EvictedRows(DIM);
      for (int end = Math.min(rows, row + 1 + random.nextInt(150)); row < end; row++) {
        some.add(gaussian(random, DIM), gaussian(random, DIM), 0, 0, row);
      }
      stored.age(row, row);
      stored.add(some, 0, leaving);
      float[] query = gaussian(random, 2 * DIM);
      for (int again = 0; again < 2; again++) {
        recall.attend(stored, query, 0, 2 * DIM, 1, 0, row, 0);
        float[] out = new float[DIM];
        recall.result.finish(1, out, 0, DIM);
        outs.add(out);
      }
    }
    return outs;
  }

  /** Few blocks are hot, pages leave and are turned, and the cache goes from RAM to a file. */
  @Test
  void rowsAreTheSameWhereverTheyLie() {
    List<PageMemory> memories =
        List.of(
            PageMemory.inRam(),
            PageMemory.inFile(directory),
            PageMemory.inRamThenFile(1 << 18, directory));
    List<float[]> expected = null;
    float[] left = null;
    for (PageMemory memory : memories) {
      try (memory) {
        StoredRows stored = stored(memory, 700_000);
        EvictedRows leaving = new EvictedRows(DIM);
        List<float[]> outs = use(stored, 12_000, leaving);
        expected = expected == null ? outs : expected;
        left = left == null ? leaving.keys() : left;
        for (int i = 0; i < outs.size(); i++) {
          assertThat(outs.get(i)).as("%d", i).isEqualTo(expected.get(i));
        }
        assertThat(leaving.count()).isPositive();
        assertThat(leaving.keys()).isEqualTo(left);
        HotBlocks hot = stored.records().hot();
        assertThat(hot.hits() > 0 && hot.misses() > 0).isEqualTo(memory != memories.getFirst());
        assertThat(memory.trouble()).isEmpty();
      }
    }
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void aBlockIsReadOnceUntilItChanges() {
    try (PageMemory memory = PageMemory.inFile(directory)) {
      memory.allocateInFile(20 * 100);
      for (int block = 0; block < 20; block++) {
        memory.write(block * 100, ByteBuffer.wrap(filled(block)));
      }
      HotBlocks hot = new HotBlocks(memory, 100, 1);
      for (int block = 0; block < 20; block++) {
        assertThat(hot.get(block, block * 100)).isEqualTo(filled(block));
        assertThat(hot.get(0, 0)).as("asked for again and again").isEqualTo(filled(0));
      }
      assertThat(hot.misses()).isEqualTo(20);
      assertThat(hot.hits()).isEqualTo(20);
      assertThat(hot.bytes()).isEqualTo(800);
      memory.write(0, ByteBuffer.wrap(filled(77)));
      hot.forget(0);
      assertThat(hot.get(0, 0)).isEqualTo(filled(77));
      assertThat(hot.misses()).isEqualTo(21);
    }
  }

  private static byte[] filled(int with) {
    byte[] block = new byte[100];
    Arrays.fill(block, (byte) with);
    return block;
  }

  @Test
  void withoutADirectoryThereIsNoFile() {
    Path gone = directory.resolve("gone");
    assertThatThrownBy(() -> PageMemory.inFile(gone))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage(
            "no file for evicted tokens can be made in %s (there is no such directory): use --store ram",
            gone);
  }

  @Test
  void aDirectoryThatVanishesIsNotMissedByTheFileInIt() throws IOException {
    Path own = Files.createDirectory(directory.resolve("own"));
    try (PageMemory memory = PageMemory.inFile(own)) {
      Files.delete(own);
      StoredRows stored = stored(memory, 1 << 20);
      use(stored, 3000, new EvictedRows(DIM));
      assertThat(stored.rows()).isEqualTo(3000);
      assertThat(memory.trouble()).isEmpty();
    }
  }

  @Test
  void whereThereCanBeNoFileTheOldestRowsOfThoseInRamLeave() {
    try (PageMemory memory = PageMemory.inRamThenFile(1 << 18, directory.resolve("gone"))) {
      StoredRows stored = stored(memory, 1 << 24);
      EvictedRows leaving = new EvictedRows(DIM);
      use(stored, 5000, leaving);
      assertThat(memory.trouble())
          .isEqualTo("cannot grow (there is no such directory): its oldest rows are folded");
      assertThat(stored.rows()).isBetween(3000, 3300);
      assertThat(stored.rows() + leaving.count()).isEqualTo(5000);
      assertThat(leaving.position(0)).isZero();
    }
  }

  /** Truncates the file that has no name any more. */
  private void truncate(long size) throws IOException {
    Path descriptors = Path.of("/proc/self/fd");
    assumeTrue(Files.isDirectory(descriptors), "the system shows no deleted files");
    try (Stream<Path> open = Files.list(descriptors)) {
      for (Path file : open.filter(this::isTheFile).toList()) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.truncate(size);
        }
      }
    }
  }

  private boolean isTheFile(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).startsWith(directory.toRealPath());
    } catch (IOException e) {
      return false;
    }
  }

  private KvCache cache(AttentionStream stream) {
    CacheBudget budget = new CacheBudget(20, 4, 8, 16, Compress.ROLLING, Positions.REBASE);
    CacheOptions options =
        CacheOptions.full(KvType.F16)
            .bounded(
                budget, EvictionPolicies.named("streaming"), CalibrationOptions.fold(10, 24, 12))
            .withStore(
                Optional.of(new StoreOptions(Place.FILE, 1 << 24, 30, KvTypes.of(KvType.Q8_0))));
    String before = System.setProperty("java.io.tmpdir", directory.toString());
    try {
      return stream.newCache(options, 1000, 2);
    } finally {
      System.setProperty("java.io.tmpdir", before);
    }
  }

  @Test
  void withAFileThatCannotBeReadTheSequenceGoesOn() {
    AttentionStream stream = new AttentionStream(21, 4, 2, 32, 900);
    float[] expected;
    try (KvCache cache = cache(stream)) {
      expected = stream.run(cache, 2, from -> 16);
    }
    float[] actual;
    try (KvCache cache = cache(stream)) {
      actual =
          stream.run(
              cache,
              2,
              from -> {
                if (from == 608) {
                  assertThat(cache.statistics().stored()).isPositive();
                  truncateAll();
                }
                return 16;
              });
      CacheStatistics now = cache.statistics();
      assertThat(now.storeTrouble())
          .isEqualTo("cannot be read (its file ends early): what it held is forgotten");
      assertThat(now.stored()).isZero();
      assertThat(now.kept() + now.folded()).isEqualTo(900);
      assertThat(now.calibrationRows()).as("later ones are folded").isPositive();
    }
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).isFinite();
      if (i < 608 * 4 * 32) {
        assertThat(actual[i]).isEqualTo(expected[i]);
      }
    }
    assertThat(directory).isEmptyDirectory();
  }

  private void truncateAll() {
    try {
      truncate(0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A copy that cannot be made says why; the next one is of what is left. */
  @Test
  void whatCannotBeReadIsSavedOnceItIsForgotten() throws IOException {
    AttentionStream stream = new AttentionStream(22, 4, 2, 32, 300);
    try (KvCache cache = cache(stream)) {
      stream.run(cache, 1, from -> 16);
      ByteArrayOutputStream whole = new ByteArrayOutputStream();
      cache.transfer(StateStreams.to(whole));
      truncate(0);
      assertThatThrownBy(() -> cache.transfer(StateStreams.to(new ByteArrayOutputStream())))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessage("the store cannot be read (its file ends early): what it held is forgotten");
      cache.transfer(StateStreams.to(new ByteArrayOutputStream()));
      assertThat(cache.statistics().stored()).isZero();
      // An earlier copy is taken over without its stored rows.
      cache.transfer(StateStreams.from(new ByteArrayInputStream(whole.toByteArray())));
      assertThat(cache.seen()).isEqualTo(300);
      assertThat(cache.statistics().stored()).isZero();
    }
  }
}
