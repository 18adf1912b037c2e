package io.calidrop.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * What a single vector multiplies the ints of a tile by whose fields are shifted right but not
 * masked: a shift, a multiplication and an addition for a pair of fields, one of each half of an
 * int.
 *
 * <p>A field that is shifted to the bottom of its short lane has all higher ones above it. What
 * they add the next one's factor takes back: where fields a and b, f bits apart, belong to
 * activations x and y, {@code (a + 2^f * b) * x + b * (y - 2^f * x)} is {@code a * x + b * y}. What
 * is left of the high half of an int in the low one after a shift, the high half's first factor
 * takes back. So the products of both halves together are the sum modulo 2^16, which is exact since
 * activations are bounded, see {@link Activations}.
 *
 * <p>Packed are, for each sum, {@link #stride} ints: where it starts; the factors, the low half's
 * in the low half; {@code center} times the sum of the activations; the bits of their scale and of
 * the scale times their sum, both float32.
 */
enum Chain {
  /** Four-bit weights less 8: 32 columns in four ints, as Q4_0 stores them. */
  NIBBLES(32, 8, ints(4, i -> fields(4, 4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3))),

  /**
   * Six-bit weights less 32: 16 columns in three ints, see {@link Q6_KMatrix}. The last two pairs
   * are on top: of the first four bits in the first int and two in the second, of the other one two
   * in the second and four in the third.
   */
  SIXTHS(
      16,
      32,
      List.of(
          List.of(new Field(0, 0, 0), new Field(6, 2, 0), new Field(12, 12, 0)),
          List.of(
              new Field(0, 4, 0), new Field(6, 6, 0), new Field(12, 12, 4), new Field(14, 14, 0)),
          List.of(new Field(0, 8, 0), new Field(6, 10, 0), new Field(12, 14, 2))));

  /**
   * A field of each half of an int.
   *
   * @param shift its lowest bit
   * @param pair of columns that it belongs to, see {@link QuantizedActivations#pairColumn}
   * @param power which bit of the weight its lowest one is
   */
  private record Field(int shift, int pair, int power) {}

  /** From the end of what is packed for a sum: {@code center} times the sum of its activations. */
  static final int TOTAL = 3;

  /** From that end: the bits of the activations' scale. */
  static final int SCALE = 2;

  /** From that end: the bits of the scale times the sum of the activations. */
  static final int SCALED_SUM = 1;

  /** Columns that share a sum. */
  final int columns;

  /** Ints that are packed for a sum. */
  final int stride;

  private final int center;

  /* Of each factor: the column and the power of its field, and of the one that is taken back, for the
   * low half of an int and for the high one. */
  private final int[] column;
  private final int[] power;
  private final int[] before;
  private final int[] beforePower;
  private final int[] highBefore;
  private final int[] highBeforePower;

  Chain(int columns, int center, List<List<Field>> ints) {
    this.columns = columns;
    this.center = center;
    int factors = ints.stream().mapToInt(List::size).sum();
    stride = factors + 4;
    column = new int[factors];
    power = new int[factors];
    before = new int[factors];
    beforePower = new int[factors];
    highBefore = new int[factors];
    highBeforePower = new int[factors];
    int i = 0;
    for (List<Field> fields : ints) {
      // Before the low half's first field lies nothing, which 2^16 stands for; before the high
      // half's the low one's last.
      Field last = fields.getLast();
      Field previous = new Field(-Short.SIZE, 0, 0);
      for (Field field : fields) {
        column[i] = QuantizedActivations.pairColumn(field.pair);
        power[i] = field.power;
        boolean first = field.shift == 0;
        before[i] = QuantizedActivations.pairColumn(previous.pair);
        beforePower[i] = field.shift - previous.shift + previous.power;
        highBefore[i] = first ? QuantizedActivations.pairColumn(last.pair) : before[i] + 2;
        highBeforePower[i] = first ? Short.SIZE - last.shift + last.power : beforePower[i];
        previous = field;
        i++;
      }
    }
  }

  private static List<List<Field>> ints(int count, IntFunction<List<Field>> fields) {
    return IntStream.range(0, count).mapToObj(fields).toList();
  }

  private static List<Field> fields(int width, int... pairs) {
    List<Field> fields = new ArrayList<>();
    for (int pair : pairs) {
      fields.add(new Field(width * fields.size(), pair, 0));
    }
    return fields;
  }

  /** Ints that are packed for a block of 32 columns. */
  int blockInts() {
    return QuantizedActivations.BLOCK / columns * stride;
  }

  /**
   * Packs a block's sums.
   *
   * @param q [32] activations
   * @param to [32 / columns][stride] from {@code o} on
   */
  void pack(int[] q, float scale, int[] to, int o) {
    for (int from = 0; from < QuantizedActivations.BLOCK; from += columns, o += stride) {
      int sum = 0;
      for (int c = from; c < from + columns; c++) {
        sum += q[c];
      }
      to[o] = -center * sum & 0xffff;
      // The columns of a block's second half are sixteen behind those of its first, pair by pair.
      for (int i = 0; i < column.length; i++) {
        int c = from + column[i];
        int low = (q[c] << power[i]) - (q[from + before[i]] << beforePower[i]);
        int high = (q[c + 2] << power[i]) - (q[from + highBefore[i]] << highBeforePower[i]);
        to[o + 1 + i] = low & 0xffff | high << 16;
      }
      to[o + stride - TOTAL] = center * sum;
      to[o + stride - SCALE] = Float.floatToRawIntBits(scale);
      to[o + stride - SCALED_SUM] = Float.floatToRawIntBits(scale * sum);
    }
  }
}
