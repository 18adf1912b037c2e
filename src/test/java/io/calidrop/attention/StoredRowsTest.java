package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.StoreOptions.Place;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.tensor.Half;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Evicted rows that are read again: the sketches, the choice, and where rows go. */
@Tag("kernel")
class StoredRowsTest {
  private static final long ROOM = 1 << 24;

  private static float[] gaussian(Random random, int n) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  /** A sketch's score by its definition, in double precision. */
  @ParameterizedTest
  @ValueSource(ints = {16, 20, 32, 64, 80, 96, 128, 256})
  void sketchesAreScoredAsDefined(int dim) {
    Random random = new Random(dim);
    int group = 5;
    int pages = 3;
    KeySketches sketches = new KeySketches(dim);
    Hadamard rotation = Hadamard.of(dim);
    int n = pages * KvHead.BLOCK;
    float[] keys = gaussian(random, n * dim);
    for (int i = 0; i < keys.length; i++) {
      keys[i] += i % dim; // far from the origin
    }
    float[][] rotated = new float[n][];
    for (int row = 0; row < n; row++) {
      rotated[row] = Arrays.copyOfRange(keys, row * dim, (row + 1) * dim);
      rotation.apply(rotated[row], 0, dim);
    }
    for (int page = 0; page < pages; page++) {
      // The center is that of the rows that come first.
      int first = 40;
      float[] turned = copy(keys, page * 64, 64, dim);
      rotation.apply(turned, 0, turned.length);
      sketches.center(page, first, turned);
      sketches.set(page, 0, first, turned);
      sketches.set(page, first, 24, copy(turned, first, 24, dim));
    }
    float[] queries = gaussian(random, group * dim);
    SketchQuery query = new SketchQuery(2, group, dim);
    float[] turned = queries.clone();
    rotation.apply(turned, 0, turned.length);
    query.load(1, turned, 0, 0.3f);
    float[] actual = new float[n];

    SketchScores scores = new SketchScores(group, dim);
    scores.take(sketches, new int[] {0, 1, 2}, 0, pages);
    scores.score(0, pages, query, 1, actual);
    for (int row = 0; row < n; row++) {
      double best = Double.NEGATIVE_INFINITY;
      for (int head = 0; head < group; head++) {
        double score = score(turned, head * dim, rotated, row, dim);
        best = Math.max(best, 0.3 * score);
      }
      assertThat((double) actual[row]).isCloseTo(best, within(1e-3 * Math.max(1, Math.abs(best))));
    }
  }

  private static float[] copy(float[] keys, int row, int count, int dim) {
    return Arrays.copyOfRange(keys, row * dim, (row + count) * dim);
  }

  /**
   * @param q [heads][dim], of which the query begins at {@code from}
   */
  private static double score(float[] q, int from, float[][] rotated, int row, int dim) {
    double score = 0;
    for (int part = 0; part < dim; part += 64) {
      int end = Math.min(part + 64, dim);
      double step = 0;
      for (int head = 0; head < q.length; head += dim) {
        double all = 0;
        for (int d = part; d < end; d++) {
          all += Math.abs(q[head + d]);
        }
        step = Math.max(step, all / 119);
      }
      double codes = 0;
      double sum = 0;
      for (int table = part; table < part + 64; table += 4) {
        double product = 0;
        for (int d = table; d < Math.min(table + 4, end); d++) {
          double center = 0;
          for (int i = 0; i < 40; i++) {
            center += rotated[row / 64 * 64 + i][d] / 40.0;
          }
          center = Float.float16ToFloat(Float.floatToFloat16((float) center));
          double x = rotated[row][d] - center;
          product += Math.signum(x) * q[from + d];
          sum += Math.abs(x) / (end - part);
          score += q[from + d] * center;
        }
        codes += Math.rint(product / step);
      }
      score += codes * step * Half.single(Float.floatToFloat16((float) sum));
    }
    return score;
  }

  @Test
  void theBestRowsAreFoundInOrderHoweverTheyComeAndTiesGoToTheFirst() {
    Random random = new Random(3);
    BestRows best = new BestRows();
    for (int n : new int[] {64, 128, 1024, 5056, 40_000}) {
      for (int levels : new int[] {1, 3, 50, 1 << 20}) {
        float[] scores = new float[n];
        int rows = n - random.nextInt(64);
        for (int i = 0; i < n; i++) {
          scores[i] = i < rows ? random.nextInt(levels) - levels / 2 : Float.NEGATIVE_INFINITY;
        }
        for (int most : new int[] {1, 7, 64, 300}) {
          best.start(most);
          for (int from = 0; from < n; ) {
            int some = Math.min(n - from, 64 * (1 + random.nextInt(20)));
            best.add(Arrays.copyOfRange(scores, from, from + some), some, from);
            from += some;
          }
          int found = best.finish();
          assertThat(found).isEqualTo(Math.min(rows, most));
          int[] expected =
              IntStream.range(0, rows)
                  .boxed()
                  .sorted((a, b) -> Float.compare(scores[b], scores[a]))
                  .limit(found)
                  .mapToInt(i -> i)
                  .sorted()
                  .toArray();
          assertThat(Arrays.copyOf(best.rows(), found))
              .as("%d of %d with %d levels", most, rows, levels)
              .isEqualTo(expected);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void aRowByItselfIsTheRow(KvType type) {
    for (int dim : new int[] {20, 64, 80}) {
      ValueRows rows = type.newValues(dim, dim);
      rows.pages().add(2);
      Random random = new Random(dim);
      byte[] record = new byte[3 + rows.rowBytes() + 64];
      float[] expected = new float[dim];
      float[] actual = new float[ValueRows.valueDim(dim)];
      for (int row = 0; row < 70; row++) {
        float[] x = gaussian(random, dim);
        rows.set(row, x, 0);
        rows.get(row, expected, 0);
        rows.rotation().apply(x, 0, dim);
        rows.encodeRow(x, 0, record, 3);
        rows.decodeRows(record, 3, rows.rowBytes(), 1, actual, 0, dim);
        rows.rotation().apply(actual, 0, dim);
        assertThat(Arrays.copyOf(actual, dim)).isEqualTo(expected);
      }
    }
  }

  private static CacheOptions options(int recall, long bytes, Positions positions) {
    return options(recall, bytes, positions, KvTypes.of(KvType.F32));
  }

  private static CacheOptions options(int recall, long bytes, Positions positions, KvTypes types) {
    CacheBudget budget = new CacheBudget(20, 0, 8, 16, Compress.ROLLING, positions);
    return CacheOptions.full(KvType.F32)
        .bounded(budget, EvictionPolicies.named("streaming"), CalibrationOptions.fold(10, 24, 12))
        .withStore(Optional.of(new StoreOptions(Place.RAM, bytes, recall, types)));
  }

  @Test
  void everyTokenIsInOneTier() {
    AttentionStream stream = new AttentionStream(11, 4, 2, 16, 900);
    try (KvCache cache = stream.newCache(options(30, 1, Positions.REBASE), 200, 1)) {
      stream.run(
          cache,
          1,
          from -> {
            CacheStatistics now = cache.statistics();
            assertThat(now.kept() + now.stored() + now.folded()).isEqualTo(from);
            assertThat(now.stored()).as("a page").isLessThanOrEqualTo(64);
            assertThat(now.looks() * now.perLook(now.recomputed()))
                .isLessThanOrEqualTo(30. * now.looks());
            return 16;
          });
      assertThat(cache.statistics().folded()).isGreaterThan(700);
      assertThat(cache.statistics().calibrationRows()).isBetween(1., 10.);
    }
  }

  /** Seen from within the context every stored row has its own distance, whatever was rebased. */
  @Test
  void aRebaseChangesNothingThatIsStored() {
    AttentionStream stream = new AttentionStream(12, 4, 2, 16, 300);
    float[] expected;
    try (KvCache cache = stream.newCache(options(400, ROOM, Positions.ABSOLUTE), 10_000, 1)) {
      expected = stream.run(cache, 1, from -> 16);
    }
    float[] full = stream.run(CacheOptions.full(KvType.F32), 1, 300);
    AttentionStream same = new AttentionStream(12, 4, 2, 16, 300);
    float[] actual;
    try (KvCache cache = same.newCache(options(400, ROOM, Positions.REBASE), 200, 1)) {
      actual = same.run(cache, 1, from -> 16);
      assertThat(cache.position()).isLessThan(201);
    }
    int inContext =
        180 * 64; // no distance beyond it yet, but a page's age counts from the next prune
    for (int i = 0; i < full.length; i++) {
      assertThat((double) expected[i]).as("%d", i).isCloseTo(full[i], within(1e-5));
      if (i < inContext) {
        assertThat((double) actual[i]).as("%d", i).isCloseTo(full[i], within(1e-4));
      }
      assertThat(actual[i]).isFinite();
    }
  }

  /**
   * What lies beyond the context is seen at its end, or nearer where it is long: then, once the
   * sequence has outgrown it, everything that lies further back than that, and nothing before. If
   * there are more rows than positions, these are nearer, sharper and weigh less.
   */
  @ParameterizedTest
  @CsvSource({"100, 150, 0, 92", "2000, 1999, 1000, 0", "2000, 2000, 1000, 1024"})
  void farRowsAreSeenFromNearEnough(int context, int position, int gap, int far) {
    int dim = 16;
    CacheShape shape = new CacheShape(1, 2, 1, dim);
    PositionRotation rotation = AttentionStream.rotation(dim);
    StoreOptions options = new StoreOptions(Place.RAM, ROOM, 200, KvTypes.of(KvType.F32));
    Random random = new Random(5);
    float[] keys = gaussian(random, 128 * dim);
    float[] values = gaussian(random, 128 * dim);
    float[] query = gaussian(random, 2 * dim);
    for (int shift : new int[] {0, 150}) {
      EvictedRows rows = new EvictedRows(dim);
      for (int row = 0; row < 128; row++) {
        float[] key = Arrays.copyOfRange(keys, row * dim, (row + 1) * dim);
        int at = row + row / 64 * gap - shift;
        rotation.rotate(key, 0, at);
        rows.add(key, Arrays.copyOfRange(values, row * dim, (row + 1) * dim), 0, 0, at);
      }
      try (PageMemory memory = PageMemory.inRam()) {
        StoredRows stored = new StoredRows(shape, options, memory, rotation, context);
        stored.add(rows, shift, new EvictedRows(dim));
        stored.age(position, position);
        float[] q = query.clone();
        rotation.rotate(q, 0, position - shift);
        rotation.rotate(q, dim, position - shift);
        Recall scratch = new Recall(shape, 1);
        scratch.attend(stored, q, 0, 2 * dim, 1, 0, position - shift, shift);
        for (int head = 0; head < 2; head++) {
          float[] out = new float[dim];
          scratch.result.finish(head, out, 0, dim);
          double[] scores = new double[128];
          double best = Double.NEGATIVE_INFINITY; // of far rows
          for (int row = 0; row < 128; row++) {
            // The first page is seen as one.
            int own = position - row - row / 64 * gap;
            boolean isFar = row < 64 && position >= context;
            int distance = isFar ? far : own;
            float[] turned = Arrays.copyOfRange(query, head * dim, (head + 1) * dim);
            rotation.rotate(turned, 0, distance);
            for (int d = 0; d < dim; d++) {
              scores[row] += turned[d] * keys[row * dim + d] / Math.sqrt(dim);
            }
            best = isFar ? Math.max(best, scores[row]) : best;
          }
          double crowd = Math.cbrt(Math.max(1, 128.0 / context));
          double allFar = 0; // sum of sharpened far rows' weights, the best one's being 1
          for (int row = 0; row < 64; row++) {
            allFar += Math.exp(crowd * (scores[row] - best));
          }
          double factor = 1 / allFar + (1 - 1 / allFar) / Math.pow(crowd, 3);
          double[] expected = new double[dim];
          double sum = 0;
          for (int row = 0; row < 128; row++) {
            double weight = Math.exp(scores[row]);
            if (row < 64 && position >= context) {
              weight = factor * Math.exp(best + crowd * (scores[row] - best));
            }
            sum += weight;
            for (int d = 0; d < dim; d++) {
              expected[d] += weight * values[row * dim + d];
            }
          }
          for (int d = 0; d < dim; d++) {
            assertThat((double) out[d]).isCloseTo(expected[d] / sum, within(1e-4));
          }
        }
      }
    }
  }

  /** Near and far rows, of a page that is not full: in a tile or alone, the same bits. */
  @ParameterizedTest
  @EnumSource(KvType.class)
  void aTokenReadsTheSameInAnyCompany(KvType type) {
    int context = 300;
    float[][] outs = new float[3][];
    int[] passes = {1, 16, 7};
    for (int i = 0; i < passes.length; i++) {
      int pass = passes[i];
      AttentionStream same = new AttentionStream(14, 6, 2, 64, 500);
      try (KvCache cache =
          same.newCache(options(40, ROOM, Positions.REBASE, KvTypes.of(type)), context, i + 1)) {
        outs[i] = same.run(cache, i + 1, from -> Math.min(pass, 16 - from % 16));
      }
    }
    assertThat(outs[1]).isEqualTo(outs[0]);
    assertThat(outs[2]).isEqualTo(outs[0]);
  }

  private interface Keys {
    float[] of(int row, float[] random);
  }

  /** Rows of random values, and of keys that are made of random ones. */
  private static StoredRows stored(
      CacheShape shape,
      PageMemory memory,
      PositionRotation rotation,
      long bytes,
      int rows,
      Keys key) {
    int dim = shape.headDim();
    StoreOptions options = new StoreOptions(Place.RAM, bytes, 64, KvTypes.of(KvType.F32));
    Random random = new Random(8);
    StoredRows stored = new StoredRows(shape, options, memory, rotation, 1000);
    for (int row = 0; row < rows; ) {
      EvictedRows some = new EvictedRows(dim);
      for (int end = Math.min(rows, row + 1 + random.nextInt(200)); row < end; row++) {
        some.add(key.of(row, gaussian(random, dim)), gaussian(random, dim), 0, 0, row);
      }
      stored.add(some, 0, new EvictedRows(dim));
    }
    return stored;
  }

  /**
   * More rows than are all scored, or several chunks of them, near and far ones, a run that is not
   * complete: the same bits.
   */
  @ParameterizedTest
  @CsvSource({"40, 0", "100, 0", "40, 10", "100, 24"})
  void aLongTextIsReadTheSameInAnyCompany(int mostPages, int light) {
    int dim = 16;
    int tokens = 24;
    CacheShape shape = new CacheShape(1, 3, 1, dim);
    PositionRotation rotation = AttentionStream.rotation(dim);
    float[] queries = gaussian(new Random(9), tokens * 3 * dim);
    try (PageMemory memory = PageMemory.inRam()) {
      StoredRows stored = stored(shape, memory, rotation, ROOM, 4500, (row, key) -> key);
      stored.age(4500, 4500);
      assertThat(stored.isFar(60)).isTrue();
      assertThat(stored.isFar(61)).isFalse();
      float[] expected = null;
      for (int pass : new int[] {1, 24, 7}) {
        Recall recall = new Recall(shape, tokens, new RowChoice(shape, tokens, mostPages));
        float[] actual = new float[tokens * 3 * dim];
        for (int token = 0; token < tokens; token += pass) {
          int count = Math.min(pass, tokens - token);
          int runs = Math.clamp(light - token, 0, count);
          recall.attend(stored, queries, token * 3 * dim, 3 * dim, count, runs, 4500 + token, 0);
          for (int query = 0; query < count * 3; query++) {
            recall.result.finish(query, actual, (token * 3 + query) * dim, dim);
          }
        }
        expected = expected == null ? actual : expected;
        assertThat(actual).isEqualTo(expected);
      }
    }
  }

  /** Wherever they lie: one behind the other, or ten of them side by side. */
  @ParameterizedTest
  @ValueSource(ints = {0, 10})
  void theBestOfAllRowsAreChosen(int inOnePage) {
    CacheShape shape = new CacheShape(1, 2, 1, 64);
    float[] query = gaussian(new Random(7), 2 * 64);
    PositionRotation rotation = (x, o, by) -> {};
    try (PageMemory memory = PageMemory.inRam()) {
      Keys keys = (row, key) -> plus(key, query, row / 64 == 24 && row % 64 < inOnePage ? 2 : 0);
      StoredRows stored = stored(shape, memory, rotation, ROOM, 9000, keys);
      TurnedQueries turned = new TurnedQueries(shape, 1);
      turned.turn(rotation, query, 0, 2, 0, 0);
      ChosenRows chosen = new ChosenRows();
      chosen.start(stored.slots());
      new RowChoice(shape, 1).choose(stored, turned, turned, 1, 0, chosen);

      BestRows best = new BestRows();
      best.start(64);
      SketchScan scan = new SketchScan(shape);
      int[] all = IntStream.range(0, stored.slots()).toArray();
      int unused = stored.unused();
      scan.over(stored.sketches(), 1, all, all.length, unused, all.length * 64, all.length * 64);
      scan.run(stored, turned, turned, 0, 1, false, new BestRows[] {best});
      int[] expected = Arrays.copyOf(best.rows(), best.finish());
      assertThat(Arrays.copyOf(chosen.places(), chosen.begin(1))).isEqualTo(expected).hasSize(64);
    }
  }

  /** A passage that matters is found, also where the oldest rows have left for others. */
  @ParameterizedTest
  @ValueSource(longs = {ROOM, 2_400_000})
  void aPassageOfAVeryLongTextIsFound(long bytes) {
    CacheShape shape = new CacheShape(1, 2, 1, 64);
    float[] query = gaussian(new Random(7), 2 * 64);
    try (PageMemory memory = PageMemory.inRam()) {
      Keys keys = (row, key) -> plus(key, query, row >= 5000 && row < 5040 ? 2 : 0);
      StoredRows stored = stored(shape, memory, (x, o, by) -> {}, bytes, 7000, keys);
      assertThat(stored.rows() < 7000).isEqualTo(bytes < ROOM);
      assertFinds(stored, new Recall(shape, 1, new RowChoice(shape, 1, 40)), 0, query);
      assertFinds(stored, new Recall(shape, 1), 1, query);
    }
  }

  /** A row that matters is found beside others that the mean of all would hide it behind. */
  @Test
  void aSingleRowOfALongTextIsFound() {
    CacheShape shape = new CacheShape(1, 2, 1, 64);
    float[] query = gaussian(new Random(7), 2 * 64);
    try (PageMemory memory = PageMemory.inRam()) {
      Keys keys =
          (row, key) -> plus(key, query, row == 5003 ? 2 : row >= 4992 && row < 5008 ? -.3f : 0);
      StoredRows stored = stored(shape, memory, (x, o, by) -> {}, ROOM, 7000, keys);
      assertFinds(stored, new Recall(shape, 1), 0, query);
    }
  }

  /** A token that reads lightly sees the newest rows while their run has no sketch. */
  @Test
  void rowsOfARunThatIsNotCompleteAreReadLightly() {
    CacheShape shape = new CacheShape(1, 2, 1, 64);
    float[] query = gaussian(new Random(7), 2 * 64);
    try (PageMemory memory = PageMemory.inRam()) {
      Keys keys = (row, key) -> plus(key, query, row >= 2995 ? 2 : 0);
      StoredRows stored = stored(shape, memory, (x, o, by) -> {}, ROOM, 3001, keys);
      assertThat(stored.readLightly()).isEqualTo(16 * 16 + 3001 % 16);
      assertFinds(stored, new Recall(shape, 1), 1, query);
    }
  }

  private static float[] plus(float[] key, float[] query, float times) {
    for (int d = 0; d < key.length; d++) {
      key[d] += times * query[d];
    }
    return key;
  }

  /** That the rows of a choice make what all of them do. */
  private static void assertFinds(StoredRows stored, Recall recall, int light, float[] query) {
    int dim = query.length / 2;
    float[] actual = new float[dim];
    recall.attend(stored, query, 0, 2 * dim, 1, light, 7000, 0);
    recall.result.finish(0, actual, 0, dim);
    float[] expected = new float[dim];
    recall.attendAll(stored, query, 0, 7000, 0);
    recall.result.finish(0, expected, 0, dim);
    for (int d = 0; d < dim; d++) {
      assertThat((double) actual[d]).isCloseTo(expected[d], within(0.01));
    }
  }

  /** The rows with the highest scores make almost all of the attention. */
  @Test
  void aFewRowsThatAreChosenWellAreNearlyAll() {
    AttentionStream stream = new AttentionStream(13, 6, 2, 64, 600);
    float[] full = stream.run(CacheOptions.full(KvType.F32), 1, 600);
    double all = error(stream.run(options(600, ROOM, Positions.ABSOLUTE), 2, 13), full);
    double some = error(stream.run(options(200, ROOM, Positions.ABSOLUTE), 2, 13), full);
    double few = error(stream.run(options(20, ROOM, Positions.ABSOLUTE), 2, 13), full);
    assertThat(all).isLessThan(1e-5);
    assertThat(some).isLessThan(few / 2);
  }

  private static double error(float[] actual, float[] expected) {
    double sum = 0;
    for (int i = 0; i < actual.length; i++) {
      sum += Math.abs(actual[i] - expected[i]);
    }
    return sum / actual.length;
  }
}
