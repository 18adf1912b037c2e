package io.calidrop.tensor;

import java.util.List;

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
  NIBBLES(32, 8, List.of(nibbles(0), nibbles(4), nibbles(8), nibbles(12))),

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

  /** Ints that are packed for a sum. */
  final int stride;

  private final int columns;
  private final int center;

  /** Where the factors of each int begin, and where those of the last one end. */
  private final int[] starts;

  /* Of each factor: the column and the power of its field, and how far above the next lower field it lies. */
  private final int[] column;
  private final int[] power;
  private final int[] distance;

  /**
   * @param columns that share a sum
   * @param center of the range of the weights
   * @param ints the fields of the low half of each int, from the lowest on; those of the high half
   *     are as these, of columns two further on
   */
  Chain(int columns, int center, List<List<Field>> ints) {
    this.columns = columns;
    this.center = center;
    int factors = ints.stream().mapToInt(List::size).sum();
    stride = factors + 4;
    starts = new int[ints.size() + 1];
    column = new int[factors];
    power = new int[factors];
    distance = new int[factors];
    int i = 0;
    for (int word = 0; word < ints.size(); word++) {
      // Below the high half's lowest field lies the low half's highest one.
      int previous = ints.get(word).getLast().shift - Short.SIZE;
      for (Field field : ints.get(word)) {
        column[i] = QuantizedActivations.pairColumn(field.pair);
        power[i] = field.power;
        distance[i] = field.shift - previous;
        previous = field.shift;
        i++;
      }
      starts[word + 1] = i;
    }
  }

  private static List<Field> nibbles(int pair) {
    return List.of(
        new Field(0, pair, 0),
        new Field(4, pair + 1, 0),
        new Field(8, pair + 2, 0),
        new Field(12, pair + 3, 0));
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
      for (int word = 1; word < starts.length; word++) {
        packInt(q, from, starts[word - 1], starts[word], to, o + 1);
      }
      to[o + stride - TOTAL] = center * sum;
      to[o + stride - SCALE] = Float.floatToRawIntBits(scale);
      to[o + stride - SCALED_SUM] = Float.floatToRawIntBits(scale * sum);
    }
  }

  /* The columns of a block's second half lie 16 behind those of its first one, pair by pair. */
  private void packInt(int[] q, int from, int start, int end, int[] to, int o) {
    int low = 0;
    int high = q[from + column[end - 1]] << power[end - 1];
    for (int i = start; i < end; i++) {
      int first = q[from + column[i]] << power[i];
      int second = q[from + column[i] + 2] << power[i];
      to[o + i] =
          QuantizedActivations.pair(first - (low << distance[i]), second - (high << distance[i]));
      low = first;
      high = second;
    }
  }
}
