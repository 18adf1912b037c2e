package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Stored rows of every format against scalar specifications in double precision. */
@Tag("kernel")
class RowStoreTest {
  private static final int ROWS = KvHead.BLOCK + 13;
  private static final int[] DIMS = {1, 2, 6, 20, 32, 33, 40, 64, 80, 96, 128, 256};

  static Stream<Arguments> typesAndDims() {
    return Arrays.stream(KvType.values())
        .flatMap(type -> Arrays.stream(DIMS).mapToObj(dim -> Arguments.of(type, dim)));
  }

  /** Numbers of a few magnitudes, some of them outliers. */
  private static float[] random(int seed, int n) {
    Random random = new Random(seed);
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(6) - 3));
    }
    return x;
  }

  private static KvHead filled(KvTypes types, int dim, int valueLength) {
    KvHead head = types.newHead(dim, valueLength);
    head.extend(ROWS);
    float[] keys = random(1, ROWS * dim);
    float[] values = random(2, ROWS * valueLength);
    for (int i = 0; i < ROWS; i++) {
      int row = i * 5 % ROWS; // in any order
      head.set(row, keys, row * dim, values, row * valueLength);
    }
    return head;
  }

  @ParameterizedTest
  @MethodSource("typesAndDims")
  void scoresAndSumsAreThoseOfTheDecodedRows(KvType type, int dim) {
    KvHead head = filled(KvTypes.of(type), dim, 2 * dim);
    AttentionScratch scratch =
        new AttentionScratch(new CacheShape(1, 4, 1, dim, new AttentionScores(1)), 2 * dim, 4);
    float[] q = random(3, 4 * dim);
    AttentionKernel.load(head, q, 0, 4 * dim, 1, 4, scratch);
    float[] weights = random(4, 4 * KvHead.BLOCK);
    float[] key = new float[dim];
    float[] value = new float[2 * dim];
    for (int from = 0; from < ROWS; from += KvHead.BLOCK) {
      int count = Math.min(KvHead.BLOCK, ROWS - from);
      head.scores(from, scratch.queries, 0, scratch.scores, scratch);
      SoftmaxPartials sums = new SoftmaxPartials(4, head.valueDim);
      head.accumulate(from, count, weights, sums.acc, 0, scratch);
      head.restore(sums, 4);
      double[][] expected = new double[4][2 * dim];
      double[] magnitude = new double[4];
      for (int row = 0; row < count; row++) {
        head.getKey(from + row, key, 0);
        head.getValue(from + row, value, 0);
        for (int t = 0; t < 4; t++) {
          double score = 0;
          double size = 0;
          for (int d = 0; d < dim; d++) {
            score += (double) q[t * dim + d] * key[d];
            size += Math.pow(q[t * dim + d], 2) + Math.pow(key[d], 2);
          }
          assertThat((double) scratch.scores[t * KvHead.BLOCK + row])
              .as("score of row %d", from + row)
              .isCloseTo(score, within(2e-6 * size + 1e-12));
          for (int d = 0; d < 2 * dim; d++) {
            double product = (double) weights[t * KvHead.BLOCK + row] * value[d];
            expected[t][d] += product;
            magnitude[t] += Math.abs(product);
          }
        }
      }
      double bias = head.values.weightScale();
      for (int t = 0; t < 4; t++) {
        for (int d = 0; d < 2 * dim; d++) {
          assertThat(sums.acc[t * head.valueDim + d] * bias)
              .as("sum %d of query %d", d, t)
              .isCloseTo(expected[t][d], within(2e-6 * magnitude[t] + 1e-12));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("typesAndDims")
  void aQuadOfAnyLengthAmongAnyNumberGetsTheSameBits(KvType type, int dim) {
    KvHead head = filled(KvTypes.of(type), dim, 2 * dim);
    AttentionScratch scratch =
        new AttentionScratch(new CacheShape(1, 4, 1, dim, new AttentionScores(1)), 2 * dim, 4);
    AttentionKernel.load(head, random(3, 4 * dim), 0, 4 * dim, 1, 4, scratch);
    float[] weights = random(4, 4 * KvHead.BLOCK);
    for (int from = 0; from < ROWS; from += KvHead.BLOCK) {
      int count = Math.min(KvHead.BLOCK, ROWS - from);
      scratch.start(1);
      head.scores(from, scratch.queries, 0, scratch.scores, scratch);
      float[] scores = scratch.scores.clone();
      float[] sums = new float[4 * head.valueDim];
      head.accumulate(from, count, weights, sums, 0, scratch);
      for (int queries = 3; queries <= 4; queries++) {
        scratch.quadQueries = queries;
        scratch.start(queries - 2); // a quad of three alone, one of four among two
        head.scores(from, scratch.queries, 0, scratch.scores, scratch);
        float[] again = new float[4 * head.valueDim];
        head.accumulate(from, count, weights, again, 0, scratch);
        for (int t = 0; t < queries; t++) {
          int row = t * KvHead.BLOCK;
          assertThat(Arrays.copyOfRange(scratch.scores, row, row + count))
              .isEqualTo(Arrays.copyOfRange(scores, row, row + count));
          int sum = t * head.valueDim;
          assertThat(Arrays.copyOfRange(again, sum, sum + 2 * dim))
              .isEqualTo(Arrays.copyOfRange(sums, sum, sum + 2 * dim));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("typesAndDims")
  void aRowIsRoundedAsTheSpecificationRoundsIt(KvType type, int dim) {
    KvHead head = filled(KvTypes.of(type), dim, dim);
    float[] out = new float[dim];
    for (int row = 0; row < ROWS; row++) {
      head.getKey(row, out, 0);
      assertRounded(type, random(1, ROWS * dim), row * dim, out);
      head.getValue(row, out, 0);
      assertRounded(type, random(2, ROWS * dim), row * dim, out);
    }
  }

  private static void assertRounded(KvType type, float[] x, int from, float[] actual) {
    int dim = actual.length;
    if (type.bits() >= 16) {
      for (int d = 0; d < dim; d++) {
        float half = Float.float16ToFloat(Float.floatToFloat16(x[from + d]));
        assertThat(actual[d]).isEqualTo(type == KvType.F32 ? x[from + d] : half);
      }
      return;
    }
    double[] rotated = rotated(x, from, dim);
    double[] stored = rotated(actual, 0, dim);
    for (int group = 0; group < dim; group += 32) {
      double[] numbers = Arrays.copyOfRange(rotated, group, Math.min(dim, group + 32));
      double error = 0;
      for (int i = 0; i < numbers.length; i++) {
        error += Math.pow(stored[group + i] - numbers[i], 2);
      }
      assertThat(error).as("squared error of a group").isLessThan(leastError(numbers, type.bits()));
    }
  }

  /** Of the scales that may be tried, with room for rounding in single precision. */
  private static double leastError(double[] numbers, int bits) {
    double extreme = 0;
    double norm = 0;
    for (double number : numbers) {
      extreme = Math.abs(number) > Math.abs(extreme) ? number : extreme;
      norm += number * number;
    }
    double lowest = -Math.pow(2, bits - 1);
    double least = Double.POSITIVE_INFINITY;
    for (double trial : bits == 8 ? new double[] {1} : new double[] {1, 1.06, 0.94, 0.88}) {
      float scale = Float.float16ToFloat(Float.floatToFloat16((float) (extreme / lowest * trial)));
      double error = 0;
      for (double number : numbers) {
        double code = Math.clamp(Math.rint(number / scale), lowest, -1 - lowest);
        error += Math.pow(number - code * scale, 2);
      }
      least = Math.min(least, error);
    }
    return 1.001 * least + 1e-8 * norm;
  }

  /** By the definition: a block of the matrix is +-1 by the parity of the bits in common. */
  private static double[] rotated(float[] x, int from, int dim) {
    int size = Integer.lowestOneBit(dim);
    double[] out = new double[dim];
    for (int d = 0; d < dim; d++) {
      for (int i = 0; i < size; i++) {
        int sign = Integer.bitCount(d % size & i) % 2 == 0 ? 1 : -1;
        out[d] += sign * x[from + d - d % size + i] / Math.sqrt(size);
      }
    }
    return out;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 20, 64, 80, 96, 256})
  void aRotationIsItsOwnInverseAndKeepsDotProducts(int dim) {
    float[] x = random(5, dim);
    float[] y = random(6, dim);
    float[] rotatedX = x.clone();
    float[] rotatedY = y.clone();
    Hadamard rotation = Hadamard.of(dim);
    rotation.apply(rotatedX, 0, dim);
    rotation.apply(rotatedY, 0, dim);
    double[] definition = rotated(x, 0, dim);
    double before = 0;
    double after = 0;
    double size = 0;
    for (int d = 0; d < dim; d++) {
      assertThat((double) rotatedX[d]).isCloseTo(definition[d], within(2e-5));
      before += (double) x[d] * y[d];
      after += (double) rotatedX[d] * rotatedY[d];
      size += x[d] * x[d] + y[d] * y[d];
    }
    assertThat(after).isCloseTo(before, within(1e-6 * size));
    rotation.apply(rotatedX, 0, dim);
    for (int d = 0; d < dim; d++) {
      assertThat(rotatedX[d]).isCloseTo(x[d], within(2e-5f));
    }
  }

  @Test
  void aRotationSpreadsWhatIsLargeInOneDimension() {
    float[] x = new float[64];
    x[17] = 8;
    Hadamard.of(64).apply(x, 0, 64);
    for (float y : x) {
      assertThat(Math.abs(y)).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void pagesAndRowsMoveAsTheyAreStored(KvType type) {
    int dim = 80;
    KvHead head = filled(KvTypes.of(type), dim, dim);
    KvHead copy = KvTypes.of(type).newHead(dim);
    copy.copyFrom(head);
    MemorySegment page = MemorySegment.ofArray(new long[head.pageBytes() / Long.BYTES]);
    head.save(0, page, 0);
    MemorySegment other = MemorySegment.ofArray(new long[head.pageBytes() / Long.BYTES]);
    copy.save(0, other, 0);
    assertThat(other.mismatch(page)).isEqualTo(-1);
    copy.move(ROWS - 2, 3);
    assertThat(row(copy, 3)).isEqualTo(row(head, ROWS - 2));
    assertThat(row(copy, 2)).isEqualTo(row(head, 2));
    assertThat(row(copy, 4)).isEqualTo(row(head, 4));
    copy.move(3, 3);
    copy.move(ROWS - 2, ROWS - 1);
    assertThat(row(copy, ROWS - 1)).isEqualTo(row(head, ROWS - 2));
  }

  /** A row's key and then its value. */
  private static float[] row(KvHead head, int row) {
    float[] both = new float[head.headDim + head.valueLength];
    head.getKey(row, both, 0);
    head.getValue(row, both, head.headDim);
    return both;
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void threadsMaySetNeighbouringRows(KvType type) throws InterruptedException {
    int dim = 64;
    KvHead expected = filled(KvTypes.of(type), dim, dim);
    KvHead head = KvTypes.of(type).newHead(dim);
    head.extend(ROWS);
    float[] keys = random(1, ROWS * dim);
    float[] values = random(2, ROWS * dim);
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      int first = t;
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    for (int again = 0; again < 50; again++) {
                      for (int row = first; row < ROWS; row += 4) {
                        head.set(row, keys, row * dim, values, row * dim);
                      }
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    for (int row = 0; row < ROWS; row++) {
      assertThat(row(head, row)).isEqualTo(row(expected, row));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "F16, F16, 256",
    "Q8_0, Q8_0, 136",
    "Q5_0, Q5_0, 88",
    "Q5_0, Q4_0, 80",
    "Q4_0, Q4_0, 72"
  })
  void aRowTakesSoManyBytes(KvType keys, KvType values, int bytes) {
    assertThat(new KvTypes(keys, values).newHead(64).pageBytes()).isEqualTo(bytes * KvHead.BLOCK);
    assertThat(keys.bytes(64) + values.bytes(64)).isEqualTo(bytes);
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void zerosAndTinyNumbersStayFinite(KvType type) {
    int dim = 64;
    KvHead head = KvTypes.of(type).newHead(dim);
    head.extend(3);
    float[] x = new float[dim];
    head.set(0, x, 0, x, 0);
    Arrays.fill(x, 1e-9f);
    head.set(1, x, 0, x, 0);
    x[5] = -3e4f;
    head.set(2, x, 0, x, 0);
    for (int row = 0; row < 3; row++) {
      float[] both = row(head, row);
      for (int d = 0; d < both.length; d++) {
        float expected = row == 2 && d % dim == 5 ? -3e4f : 0;
        assertThat(both[d]).isCloseTo(expected, within(row == 2 ? 2000 : 1e-7f));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"Q5_0, Q4_0", "Q4_0, F16", "F16, Q5_0", "Q8_0, Q4_0"})
  void newestRowsMustBeWhatRoundingTook(KvType keys, KvType values) {
    KvTypes types = new KvTypes(keys, values);
    byte[] saved = saved(types, 1);
    byte[] larger = saved(types, 100);
    KvHead head = types.newFullHead(64);
    head.transfer(StateStreams.from(new ByteArrayInputStream(saved)), ROWS);
    assertThat(head.rows()).isEqualTo(ROWS);
    int ofRows = Long.BYTES + Math.ceilDiv(ROWS, KvHead.BLOCK) * head.pageBytes();
    System.arraycopy(larger, ofRows, saved, ofRows, saved.length - ofRows);
    assertThatThrownBy(
            () -> head.transfer(StateStreams.from(new ByteArrayInputStream(saved)), ROWS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("more lost of row");
  }

  private static byte[] saved(KvTypes types, float factor) {
    KvHead head = types.newFullHead(64);
    head.extend(ROWS);
    float[] x = random(5, ROWS * 64);
    for (int i = 0; i < x.length; i++) {
      x[i] *= factor;
    }
    for (int row = 0; row < ROWS; row++) {
      head.set(row, x, row * 64, x, row * 64);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    head.transfer(StateStreams.to(out), ROWS);
    return out.toByteArray();
  }
}
