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
import static jdk.incubator.vector.VectorOperators.B2I;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import io.calidrop.tensor.Half;
import io.calidrop.tensor.VectorShape;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
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
  private final byte[] codes = new byte[QUAD * ROWS + BYTES]; // of a part, and room for a vector
  private final float[] partial = new float[QUAD * ROWS]; // scores of heads by some parts
  private final float[] bases; // [heads][CHUNK] products with centers
  private final int centerDim; // a multiple of partial sums
  private final float[] centers; // [CHUNK][centerDim]
  private final int[] centersAt = new int[CHUNK];
  private final float[] products = new float[CHUNK * QUAD + LANES];

  SketchScores(int heads, int dim) {
    this.heads = heads;
    this.dim = dim;
    parts = Math.ceilDiv(dim, KeySketches.PART);
    pageBytes = parts * PART_BYTES;
    copied = new byte[CHUNK * pageBytes];
    bases = new float[heads * CHUNK];
    centerDim = VectorShape.roundUp(dim, VectorShape.PARTIALS);
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
    for (int head = 0; head < heads; head += QUAD) {
      int some = Math.min(QUAD, heads - head);
      for (int part = 0; part < parts; part++) {
        int s = at + from * pageBytes + part * PART_BYTES;
        for (int h = 0; h < some; h++) {
          int t = ((token * heads + head + h) * parts + part) * SketchQuery.TABLES_BYTES;
          count(sketches, s, pageBytes, to - from, query.tables, t, codes, h * ROWS + row);
        }
        float step = query.steps[token * parts + part];
        int b = part == 0 ? head * CHUNK : -1;
        int others = part < parts - 1 ? -1 : head;
        s = at + part * PART_BYTES + OCTETS * BLOCK;
        add(codes, sketches, s, pageBytes, step, bases, b, row, end, some, others, partial, out);
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
          ((ByteVector)
                  ((IntVector) bits.reinterpretShape(I, 0))
                      .lanewise(LSHR, 4)
                      .reinterpretShape(B, 0))
              .selectFrom(t1)
              .add(sums);
      bits = ByteVector.fromArray(B, signs, s + BLOCK);
      sums = bits.selectFrom(t2).add(sums);
      sums =
          ((ByteVector)
                  ((IntVector) bits.reinterpretShape(I, 0))
                      .lanewise(LSHR, 4)
                      .reinterpretShape(B, 0))
              .selectFrom(t3)
              .add(sums);
      bits = ByteVector.fromArray(B, signs, s + 2 * BLOCK);
      sums = bits.selectFrom(t4).add(sums);
      sums =
          ((ByteVector)
                  ((IntVector) bits.reinterpretShape(I, 0))
                      .lanewise(LSHR, 4)
                      .reinterpretShape(B, 0))
              .selectFrom(t5)
              .add(sums);
      bits = ByteVector.fromArray(B, signs, s + 3 * BLOCK);
      sums = bits.selectFrom(t6).add(sums);
      sums =
          ((ByteVector)
                  ((IntVector) bits.reinterpretShape(I, 0))
                      .lanewise(LSHR, 4)
                      .reinterpretShape(B, 0))
              .selectFrom(t7)
              .add(sums);
      bits = ByteVector.fromArray(B, signs, s + 4 * BLOCK);
      sums = bits.selectFrom(t8).add(sums);
      sums =
          ((ByteVector)
                  ((IntVector) bits.reinterpretShape(I, 0))
                      .lanewise(LSHR, 4)
                      .reinterpretShape(B, 0))
              .selectFrom(t9)
              .add(sums);
      bits = ByteVector.fromArray(B, signs, s + 5 * BLOCK);
      sums = bits.selectFrom(t10).add(sums);
      sums =
          ((ByteVector)
                  ((IntVector) bits.reinterpretShape(I, 0))
                      .lanewise(LSHR, 4)
                      .reinterpretShape(B, 0))
              .selectFrom(t11)
              .add(sums);
      bits = ByteVector.fromArray(B, signs, s + 6 * BLOCK);
      sums = bits.selectFrom(t12).add(sums);
      sums =
          ((ByteVector)
                  ((IntVector) bits.reinterpretShape(I, 0))
                      .lanewise(LSHR, 4)
                      .reinterpretShape(B, 0))
              .selectFrom(t13)
              .add(sums);
      bits = ByteVector.fromArray(B, signs, s + 7 * BLOCK);
      sums = bits.selectFrom(t14).add(sums);
      sums =
          ((ByteVector)
                  ((IntVector) bits.reinterpretShape(I, 0))
                      .lanewise(LSHR, 4)
                      .reinterpretShape(B, 0))
              .selectFrom(t15)
              .add(sums);
      sums.intoArray(out, o + row);
    }
  }

  /**
   * Adds what a part of up to four heads' codes stands for to their scores, and after the last part
   * writes the largest.
   *
   * @param codes [heads][ROWS]
   * @param s where the scales of the first page are, of the next one {@code stride} further
   * @param b where the heads' products with centers are in {@code bases}, or -1 after the first
   *     part
   * @param others -1 before the last part, or how many heads {@code out} already has the largest of
   * @param partial [heads][ROWS] scores by the parts before
   */
  private static void add(
      byte[] codes,
      byte[] scales,
      int s,
      int stride,
      float step,
      float[] bases,
      int b,
      int from,
      int to,
      int heads,
      int others,
      float[] partial,
      float[] out) {
    boolean first = b >= 0;
    boolean two = heads > 1;
    boolean four = heads > 3;
    int second = heads > 2 ? 2 * ROWS : 0; // the third head, or the first again
    for (int row = from; row < to; row += LANES) {
      int page = b + row / BLOCK;
      int at = s + row / BLOCK * stride + row % BLOCK * Short.BYTES;
      IntVector half =
          (IntVector)
              ((ShortVector) ByteVector.fromArray(PAIRS, scales, at).reinterpretShape(S, 0))
                  .convertShape(ZERO_EXTEND_S2I, I, 0);
      FloatVector scale =
          ((FloatVector) half.lanewise(LSHL, 13).reinterpretShape(F, 0)).mul(Half.BIAS).mul(step);
      FloatVector code =
          (FloatVector)
              ((IntVector) ByteVector.fromArray(FEW_BYTES, codes, row).convertShape(B2I, I, 0))
                  .convertShape(I2F, F, 0);
      FloatVector x0 =
          first ? FloatVector.broadcast(F, bases[page]) : FloatVector.fromArray(F, partial, row);
      x0 = code.fma(scale, x0);
      FloatVector x1 = x0;
      FloatVector x2 = x0;
      FloatVector x3 = x0;
      if (two) {
        code =
            (FloatVector)
                ((IntVector)
                        ByteVector.fromArray(FEW_BYTES, codes, ROWS + row).convertShape(B2I, I, 0))
                    .convertShape(I2F, F, 0);
        x1 =
            first
                ? FloatVector.broadcast(F, bases[page + CHUNK])
                : FloatVector.fromArray(F, partial, ROWS + row);
        x1 = code.fma(scale, x1);
        code =
            (FloatVector)
                ((IntVector)
                        ByteVector.fromArray(FEW_BYTES, codes, second + row)
                            .convertShape(B2I, I, 0))
                    .convertShape(I2F, F, 0);
        x2 =
            first
                ? FloatVector.broadcast(F, bases[page + second / BLOCK])
                : FloatVector.fromArray(F, partial, second + row);
        x2 = code.fma(scale, x2);
      }
      if (four) {
        code =
            (FloatVector)
                ((IntVector)
                        ByteVector.fromArray(FEW_BYTES, codes, 3 * ROWS + row)
                            .convertShape(B2I, I, 0))
                    .convertShape(I2F, F, 0);
        x3 =
            first
                ? FloatVector.broadcast(F, bases[page + 3 * CHUNK])
                : FloatVector.fromArray(F, partial, 3 * ROWS + row);
        x3 = code.fma(scale, x3);
      }
      if (others < 0) {
        x0.intoArray(partial, row);
        x1.intoArray(partial, ROWS + row);
        x2.intoArray(partial, 2 * ROWS + row);
        x3.intoArray(partial, 3 * ROWS + row);
        continue;
      }
      // A choice is two instructions, a maximum six.
      x0 = x0.blend(x1, x1.compare(GT, x0));
      x2 = x2.blend(x3, x3.compare(GT, x2));
      x0 = x0.blend(x2, x2.compare(GT, x0));
      if (others > 0) {
        FloatVector y = FloatVector.fromArray(F, out, row);
        x0 = x0.blend(y, y.compare(GT, x0));
      }
      x0.intoArray(out, row);
    }
  }
}
