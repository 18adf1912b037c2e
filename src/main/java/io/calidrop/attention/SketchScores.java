package io.calidrop.attention;

import static io.calidrop.attention.KeySketches.OCTETS;
import static io.calidrop.attention.KeySketches.PART_BYTES;
import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.BYTES;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.FEW_BYTES;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2I;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import io.calidrop.tensor.Half;
import io.calidrop.tensor.VectorShape;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Scores of pages of sketched keys with the queries of a group: for each row the largest of its
 * heads. A chunk of pages is taken up first, which stays in L1 for all heads and tokens. For one
 * thread at a time.
 */
final class SketchScores {
  /** Most pages that are taken up at a time. */
  static final int CHUNK = KeySketches.CHUNK;

  private static final int ROWS = CHUNK * BLOCK;

  /** Twice as many bytes as a vector has lanes. */
  private static final VectorSpecies<Byte> PAIRS =
      LANES > Long.BYTES
          ? ByteVector.SPECIES_256
          : LANES > Integer.BYTES ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

  private final int heads;
  private final int dim;
  private final int parts;
  private final int pageBytes;
  private byte[] sketches; // [CHUNK][parts][PART_BYTES] from at on
  private int at;
  private final byte[] copied; // the same, of pages that lie apart
  private final float[] scales; // [parts][ROWS]
  private final byte[] codes = new byte[ROWS + BYTES]; // of a head and part, and room for a vector
  private final float[] partial = new float[ROWS]; // scores of a head by some parts
  private final float[] bases; // [heads][CHUNK] products with centers
  private final int centerDim; // in whole vectors
  private final float[] centers; // [CHUNK][centerDim]
  private final int[] centersAt = new int[CHUNK];
  private final float[] products = new float[CHUNK * QUAD + LANES];

  SketchScores(int heads, int dim) {
    this.heads = heads;
    this.dim = dim;
    parts = Math.ceilDiv(dim, KeySketches.PART);
    pageBytes = parts * PART_BYTES;
    copied = new byte[CHUNK * pageBytes];
    scales = new float[parts * ROWS];
    bases = new float[heads * CHUNK];
    centerDim = VectorShape.roundUp(dim, LANES);
    centers = new float[CHUNK * centerDim];
    Arrays.setAll(centersAt, i -> i * centerDim);
  }

  /** Takes up pages {@code pages[first, first + count)}, in ascending order, up to a chunk. */
  void take(KeySketches from, int[] pages, int first, int count) {
    int page = pages[first];
    boolean together = pages[first + count - 1] == page + count - 1;
    if (together && page % CHUNK + count <= CHUNK) {
      sketches = from.of(page);
      at = from.at(page);
    } else {
      sketches = copied;
      at = 0;
      for (int i = 0; i < count; i++) {
        page = pages[first + i];
        System.arraycopy(from.of(page), from.at(page), copied, i * pageBytes, pageBytes);
      }
    }
    for (int i = 0; i < count; i++) {
      from.getCenter(pages[first + i], centers, i * centerDim);
      for (int part = 0; part < parts; part++) {
        int scalesAt = at + i * pageBytes + part * PART_BYTES + OCTETS * BLOCK;
        decode(sketches, scalesAt, scales, part * ROWS + i * BLOCK);
      }
    }
  }

  /** Decodes the scales of a page's part. */
  private static void decode(byte[] from, int at, float[] out, int o) {
    for (int row = 0; row < BLOCK; row += LANES) {
      ((FloatVector)
              ((IntVector)
                      ((ShortVector)
                              ByteVector.fromArray(PAIRS, from, at + row * Short.BYTES)
                                  .reinterpretShape(S, 0))
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, 13)
                  .reinterpretShape(F, 0))
          .mul(Half.BIAS)
          .intoArray(out, o + row);
    }
  }

  /**
   * Scores pages {@code [from, to)} of the chunk with the queries of a token.
   *
   * @param out [CHUNK][BLOCK] gets the scores
   */
  void score(int from, int to, SketchQuery query, int token, float[] out) {
    bases(from, to, query, token);
    int row = from * BLOCK;
    int end = to * BLOCK;
    Arrays.fill(out, row, end, Float.NEGATIVE_INFINITY);
    int i = token * heads * parts;
    for (int head = 0; head < heads; head++) {
      for (int part = 0; part < parts; part++, i++) {
        int s = at + from * pageBytes + part * PART_BYTES;
        int t = i * SketchQuery.TABLES_BYTES;
        count(sketches, s, pageBytes, to - from, query.tables, t, codes, row);
        boolean last = part == parts - 1;
        float step = query.steps[i];
        int b = head * CHUNK;
        add(codes, scales, part * ROWS, step, bases, b, row, end, part == 0, last, partial, out);
      }
    }
  }

  /** Products of a token's queries with the centers of pages. */
  void bases(int from, int to, SketchQuery query, int token) {
    for (int head = 0; head < heads; head += QUAD) {
      int some = Math.min(QUAD, heads - head);
      int q = (token * heads + head) * dim;
      QuadDots.of(centers, centersAt, from, to, query.scaled, q, dim, some, centerDim, products);
      for (int i = from; i < to; i++) {
        for (int h = 0; h < some; h++) {
          bases[(head + h) * CHUNK + i] = products[i * QUAD + h];
        }
      }
    }
  }

  /**
   * Of some pages, a query and 64 dimensions. A byte of sketches has the signs of eight dimensions,
   * and is the index into two tables: what is above an index's bits {@code selectFrom} drops, or it
   * reads a repetition of the table.
   */
  static void count(
      byte[] signs, int at, int stride, int pages, byte[] tables, int t, byte[] out, int o) {
    ByteVector t0 = ByteVector.fromArray(B, tables, t);
    ByteVector t1 = ByteVector.fromArray(B, tables, t + BYTES);
    ByteVector t2 = ByteVector.fromArray(B, tables, t + 2 * BYTES);
    ByteVector t3 = ByteVector.fromArray(B, tables, t + 3 * BYTES);
    ByteVector t4 = ByteVector.fromArray(B, tables, t + 4 * BYTES);
    ByteVector t5 = ByteVector.fromArray(B, tables, t + 5 * BYTES);
    ByteVector t6 = ByteVector.fromArray(B, tables, t + 6 * BYTES);
    ByteVector t7 = ByteVector.fromArray(B, tables, t + 7 * BYTES);
    ByteVector t8 = ByteVector.fromArray(B, tables, t + 8 * BYTES);
    ByteVector t9 = ByteVector.fromArray(B, tables, t + 9 * BYTES);
    ByteVector t10 = ByteVector.fromArray(B, tables, t + 10 * BYTES);
    ByteVector t11 = ByteVector.fromArray(B, tables, t + 11 * BYTES);
    ByteVector t12 = ByteVector.fromArray(B, tables, t + 12 * BYTES);
    ByteVector t13 = ByteVector.fromArray(B, tables, t + 13 * BYTES);
    ByteVector t14 = ByteVector.fromArray(B, tables, t + 14 * BYTES);
    ByteVector t15 = ByteVector.fromArray(B, tables, t + 15 * BYTES);
    for (int row = 0; row < pages * BLOCK; row += BYTES) {
      int s = at + row / BLOCK * stride + row % BLOCK;
      ByteVector bits = ByteVector.fromArray(B, signs, s);
      ByteVector sums = bits.selectFrom(t0);
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t1));
      bits = ByteVector.fromArray(B, signs, s + BLOCK);
      sums = sums.add(bits.selectFrom(t2));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t3));
      bits = ByteVector.fromArray(B, signs, s + 2 * BLOCK);
      sums = sums.add(bits.selectFrom(t4));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t5));
      bits = ByteVector.fromArray(B, signs, s + 3 * BLOCK);
      sums = sums.add(bits.selectFrom(t6));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t7));
      bits = ByteVector.fromArray(B, signs, s + 4 * BLOCK);
      sums = sums.add(bits.selectFrom(t8));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t9));
      bits = ByteVector.fromArray(B, signs, s + 5 * BLOCK);
      sums = sums.add(bits.selectFrom(t10));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t11));
      bits = ByteVector.fromArray(B, signs, s + 6 * BLOCK);
      sums = sums.add(bits.selectFrom(t12));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t13));
      bits = ByteVector.fromArray(B, signs, s + 7 * BLOCK);
      sums = sums.add(bits.selectFrom(t14));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t15));
      sums.intoArray(out, o + row);
    }
  }

  /**
   * Adds what a part of a head's codes stands for to its scores, and after its last part takes over
   * what is larger than other heads' scores.
   *
   * @param bases of the pages from {@code b} on
   * @param partial scores by the parts before, or what is to be there of this head
   */
  private static void add(
      byte[] codes,
      float[] scales,
      int s,
      float step,
      float[] bases,
      int b,
      int from,
      int to,
      boolean first,
      boolean last,
      float[] partial,
      float[] out) {
    float middle = -SketchQuery.MIDDLE * step;
    for (int row = from; row < to; row += LANES) {
      FloatVector sum =
          (FloatVector)
              ((IntVector)
                      ByteVector.fromArray(FEW_BYTES, codes, row)
                          .convertShape(ZERO_EXTEND_B2I, I, 0))
                  .convertShape(I2F, F, 0);
      FloatVector before =
          first
              ? FloatVector.broadcast(F, bases[b + row / BLOCK])
              : FloatVector.fromArray(F, partial, row);
      FloatVector score =
          sum.fma(FloatVector.broadcast(F, step), FloatVector.broadcast(F, middle))
              .fma(FloatVector.fromArray(F, scales, s + row), before);
      if (last) {
        score.lanewise(VectorOperators.MAX, FloatVector.fromArray(F, out, row)).intoArray(out, row);
      } else {
        score.intoArray(partial, row);
      }
    }
  }
}
