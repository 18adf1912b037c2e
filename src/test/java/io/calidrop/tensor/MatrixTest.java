package io.calidrop.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.calidrop.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every kernel against its format's scalar specification, and matrix-vector against matrix-matrix.
 */
@Tag("kernel")
class MatrixTest {
  private static final int[] ROWS = {1, 5, 16, 33, 64, 131};
  private static final int[] TOKENS = {1, 2, 3, 4, 5, 8, 17};

  static Stream<Arguments> sizes() {
    return WeightFormat.supported().stream()
        .flatMap(
            type ->
                Arrays.stream(columns(type))
                    .boxed()
                    .flatMap(
                        columns ->
                            Arrays.stream(ROWS).mapToObj(rows -> arguments(type, rows, columns))));
  }

  static Stream<GgmlType> quantised() {
    return WeightFormat.supported().stream().filter(type -> type.blockSize() > 1);
  }

  private static int[] columns(GgmlType type) {
    return switch (type.blockSize()) {
      case 1 -> new int[] {1, 7, 33, 64, 129, 257, 512};
      case 32 -> new int[] {32, 64, 96, 160, 288, 576};
      default -> new int[] {256, 512, 768};
    };
  }

  @ParameterizedTest
  @MethodSource("sizes")
  void agreesWithTheScalarSpecificationForAnyBatch(GgmlType type, int rows, int columns) {
    Random random = new Random(31L * rows + columns + type.id());
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2)) {
      MemorySegment data = weights(type, rows, columns, random, arena);
      Matrix matrix = new MatrixLoader(arena, pool).repacked(type, data, rows, columns);
      float[] x = new float[TOKENS[TOKENS.length - 1] * columns];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) (random.nextGaussian() * Math.exp(2 * random.nextGaussian()));
      }
      check(matrix, type, data, x);
      check(MatrixLoader.dequantized(type, data, rows, columns), type, data, x);
    }
  }

  @ParameterizedTest
  @MethodSource("quantised")
  void extremeValuesDoNotOverflow(GgmlType type) {
    int columns = 512;
    for (int fill : new int[] {0x00, 0x7f, 0x80, 0xff}) {
      for (float sign : new float[] {1, -1}) {
        try (Arena arena = Arena.ofShared();
            WorkerPool pool = new WorkerPool(1)) {
          MemorySegment data = arena.allocate(type.bytes(40L * columns), 64);
          data.fill((byte) fill);
          setScales(type, data, new Random(1));
          Matrix matrix = new MatrixLoader(arena, pool).repacked(type, data, 40, columns);
          float[] x = new float[5 * columns];
          Arrays.fill(x, sign * 3.25f);
          check(matrix, type, data, x);
        }
      }
    }
  }

  /**
   * Activations all 1 or all -1 are as large together as they may be, and weights as far from the
   * middle of their range as they can be: sums of a block come near the end of 16 bits.
   */
  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q4_1", "Q4_K", "Q5_0", "Q5_1", "Q5_K"})
  void sumsOfEqualActivationsFitSixteenBits(GgmlType type) {
    int columns = 512;
    int tokens = 6;
    Random random = new Random(type.id());
    for (int fill : new int[] {0x00, 0xff}) {
      try (Arena arena = Arena.ofShared();
          WorkerPool pool = new WorkerPool(1)) {
        MemorySegment data = weights(type, 40, columns, random, arena);
        for (long block = 0; block < data.byteSize(); block += type.blockBytes()) {
          int head = quantsAt(type);
          data.asSlice(block + head, type.blockBytes() - head).fill((byte) fill);
        }
        Matrix matrix = new MatrixLoader(arena, pool).repacked(type, data, 40, columns);
        float[] x = new float[tokens * columns];
        for (int i = 0; i < x.length; i++) {
          boolean one =
              switch (i / columns % 3) {
                case 0 -> true;
                case 1 -> false;
                default -> random.nextInt(32) > 0; // some blocks are all ones, others not
              };
          x[i] = one ? 1 : -1;
        }
        check(matrix, type, data, x);
      }
    }
  }

  /** Where the quants begin in a block: all that comes after its scales. */
  private static int quantsAt(GgmlType type) {
    return switch (type) {
      case Q4_0, Q5_0 -> 2;
      case Q4_1, Q5_1 -> 4;
      default -> 16;
    };
  }

  /** Weights all -32 and activations of one magnitude: unbounded, 16 columns add up to 65,024. */
  @Test
  void sumsOfSixBitWeightsStayWithinSixteenBits() {
    GgmlType type = GgmlType.Q6_K;
    int columns = 512;
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1)) {
      MemorySegment data = arena.allocate(type.bytes(40L * columns), 64);
      setScales(type, data, new Random(1));
      for (long block = 0; block < data.byteSize(); block += type.blockBytes()) {
        data.asSlice(block + 192, 16).fill((byte) 5); // a scale for each 16 columns
      }
      Matrix matrix = new MatrixLoader(arena, pool).repacked(type, data, 40, columns);
      float[] x = new float[5 * columns];
      for (int i = 0; i < x.length; i++) {
        x[i] = i / columns % 2 == 0 ? 1 : -1;
      }
      check(matrix, type, data, x);
    }
  }

  private static void check(Matrix matrix, GgmlType type, MemorySegment data, float[] x) {
    int columns = matrix.columns();
    int stride = MatMul.stride(matrix) + 8;
    Activations input = new Activations(columns, x.length / columns, ~0);
    int[] scratch = new int[Activations.BLOCK];
    poison(input, x, columns, scratch);
    float[][] alone = new float[x.length / columns][];
    for (int tokens : TOKENS) {
      if (tokens > alone.length) {
        continue;
      }
      input.start(tokens);
      for (int t = 0; t < tokens; t++) {
        pack(input, t, x, matrix, (tokens + t) % 2 == 0 ? columns : Activations.SHARE, scratch);
      }
      float[] out = new float[VectorShape.roundUp(tokens, Activations.GROUP) * stride];
      Arrays.fill(out, Float.NaN);
      int split = matrix.rowBlocks() / 2;
      MatMulScratch weights = new MatMulScratch();
      int groups = input.groups();
      if (split > 0) {
        matrix.multiply(input, 0, split, groups / 2, groups, out, stride, weights);
        if (groups > 1) {
          matrix.multiply(input, 0, split, 0, groups / 2, out, stride, weights);
        }
      }
      matrix.multiply(input, split, matrix.rowBlocks(), 0, groups, out, stride, weights);
      for (int t = 0; t < tokens; t++) {
        float[] actual = Arrays.copyOfRange(out, t * stride, t * stride + matrix.rows());
        if (alone[t] == null) {
          assertClose(matrix, type, data, x, t, actual);
          alone[t] = actual;
        } else {
          assertThat(actual).as("%s, token %d of %d", type, t, tokens).isEqualTo(alone[t]);
        }
      }
    }
  }

  /** Packs a token, the last share first, as threads may. */
  private static void pack(
      Activations input, int token, float[] x, Matrix matrix, int share, int[] scratch) {
    int columns = matrix.columns();
    int forms = matrix.forms(input.tokens());
    for (int from = (columns - 1) / share * share; from >= 0; from -= share) {
      int to = Math.min(from + share, columns);
      input.pack(token, x, token * columns, from, to, forms, scratch);
    }
  }

  /** Leaves a larger batch's values behind, which must not reach any result. */
  private static void poison(Activations input, float[] x, int columns, int[] scratch) {
    float[] nan = new float[columns];
    Arrays.fill(nan, Float.NaN);
    input.start(x.length / columns);
    for (int t = 0; t < x.length / columns; t++) {
      input.pack(t, nan, 0, columns % 32 == 0 ? ~0 : Activations.FLOATS, scratch);
    }
  }

  private static void assertClose(
      Matrix matrix, GgmlType type, MemorySegment data, float[] x, int token, float[] actual) {
    int columns = matrix.columns();
    float[] row = new float[columns];
    WeightFormat format = WeightFormat.of(type).orElseThrow();
    double[] input = input(matrix, x, token);
    for (int r = 0; r < matrix.rows(); r++) {
      format.dequantizeRow(data, r * type.bytes(columns), row, 0, columns);
      double sum = 0;
      double magnitude = 1e-30;
      for (int c = 0; c < columns; c++) {
        sum += row[c] * input[c];
        magnitude += Math.abs(row[c] * input[c]);
      }
      // Formats with a minimum add two large parts that nearly cancel.
      assertThat((double) actual[r])
          .as("%s %dx%d, row %d, token %d", type, matrix.rows(), columns, r, token)
          .isCloseTo(sum, within(4e-6 * magnitude));
    }
  }

  /** The activations as a kernel sees them: rounded to 8 or 9 bits for quantised weights. */
  private static double[] input(Matrix matrix, float[] x, int token) {
    int columns = matrix.columns();
    double[] input = IntStream.range(0, columns).mapToDouble(c -> x[token * columns + c]).toArray();
    if (matrix.forms(1) == Activations.FLOATS) {
      return input;
    }
    int fine = Activations.FINE_PAIRS | Activations.NIBBLE_CHAINS;
    int max = (matrix.forms(1) & fine) != 0 ? 255 : 127;
    int bounds = Activations.BOUNDED_PAIRS | Activations.SIXTH_CHAINS;
    boolean bounded = (matrix.forms(1) & bounds) != 0;
    for (int from = 0; from < columns; from += 32) {
      float largest = 0;
      for (int c = from; c < from + 32; c++) {
        largest = Math.max(largest, (float) Math.abs(input[c]));
      }
      float inverse = max / largest;
      float scale = largest / max;
      int[] sums = new int[2];
      for (int c = from; c < from + 32; c++) {
        sums[(c - from) / 16] += (int) Math.abs(Math.rint((float) input[c] * inverse));
      }
      int sum = max == 255 ? sums[0] + sums[1] : Math.max(sums[0], sums[1]);
      int most = max == 255 ? 4095 : 1023; // 8 and 32 times as much would not fit 16 bits
      if ((max == 255 || bounded) && sum > most) {
        int half = max == 255 ? 16 : 8;
        float factor = (most - half) / (sum + (float) half);
        inverse *= factor;
        scale /= factor;
      }
      for (int c = from; c < from + 32; c++) {
        input[c] = Math.rint((float) input[c] * inverse) * scale;
      }
    }
    return input;
  }

  private static MemorySegment weights(
      GgmlType type, int rows, int columns, Random random, Arena arena) {
    MemorySegment data = arena.allocate(type.bytes((long) rows * columns), 64);
    byte[] bytes = new byte[(int) data.byteSize()];
    random.nextBytes(bytes);
    MemorySegment.copy(bytes, 0, data, ValueLayout.JAVA_BYTE, 0, bytes.length);
    setScales(type, data, random);
    return data;
  }

  /** Random bits make absurd floating-point numbers: replaces them by sane ones. */
  private static void setScales(GgmlType type, MemorySegment data, Random random) {
    for (long block = 0; block < data.byteSize(); block += type.blockBytes()) {
      switch (type) {
        case F32 ->
            data.set(Blocks.INT, block, Float.floatToRawIntBits((float) random.nextGaussian()));
        case BF16 ->
            data.set(
                Blocks.SHORT,
                block,
                (short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16));
        case Q4_1, Q5_1, Q4_K, Q5_K -> {
          setHalf(data, block, random.nextFloat() * 0.1f);
          setHalf(data, block + 2, random.nextFloat() - 0.5f);
        }
        case Q2_K -> {
          setHalf(data, block + 80, random.nextFloat() * 0.1f);
          setHalf(data, block + 82, random.nextFloat() * 0.1f);
        }
        case Q3_K -> setHalf(data, block + 108, random.nextFloat() * 1e-3f);
        case Q6_K -> setHalf(data, block + 208, random.nextFloat() * 1e-4f);
        default -> setHalf(data, block, (float) random.nextGaussian() * 0.05f);
      }
    }
  }

  private static void setHalf(MemorySegment data, long offset, float value) {
    data.set(Blocks.SHORT, offset, Float.floatToFloat16(value));
  }
}
