package io.calidrop.attention;

import static io.calidrop.attention.KeySketches.OCTETS;
import static io.calidrop.attention.KeySketches.PART_BYTES;
import static io.calidrop.attention.KeySketches.RUN;
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
 * Scores of runs of sketched keys with the queries of a group: for each row the largest of its
 * heads. Runs are laid side by side first, a chunk of them at a time, which stays in L1 for all
 * heads. For one thread at a time.
 */
final class SketchScores {
  private static final int CHUNK = 64; // runs
  private static final int ROWS = CHUNK * RUN;

  /** Twice as many bytes as a vector has lanes. */
  private static final VectorSpecies<Byte> PAIRS =
      LANES > Long.BYTES
          ? ByteVector.SPECIES_256
          : LANES > Integer.BYTES ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

  private final int heads;
  private final int dim;
  private final int parts;
  private final byte[] signs; // [parts][OCTETS][ROWS]
  private final float[] scales; // [parts][ROWS]
  private final byte[] codes; // [heads][parts][ROWS] sums, and room for a vector
  private final float[] bases; // [heads][CHUNK] products with centers
  private final int centerDim; // in whole vectors
  private final float[] centers; // [CHUNK][centerDim]
  private final int[] centersAt = new int[CHUNK];
  private final int[] pageOf = new int[CHUNK];
  private final float[] products = new float[CHUNK * QUAD + LANES];

  SketchScores(int heads, int dim) {
    this.heads = heads;
    this.dim = dim;
    parts = Math.ceilDiv(dim, KeySketches.PART);
    signs = new byte[parts * OCTETS * ROWS];
    scales = new float[parts * ROWS];
    codes = new byte[heads * parts * ROWS + BYTES];
    bases = new float[heads * CHUNK];
    centerDim = VectorShape.roundUp(dim, LANES);
    centers = new float[CHUNK * centerDim];
    Arrays.setAll(centersAt, i -> i * centerDim);
  }

  /**
   * Scores runs {@code runs[from, to)}, in ascending order.
   *
   * @param out gets their scores at {@code o}
   */
  void score(
      KeySketches sketches, int[] runs, int from, int to, SketchQuery query, float[] out, int o) {
    for (int first = from; first < to; first += CHUNK) {
      int count = Math.min(CHUNK, to - first);
      for (int i = 0; i < count; i++) {
        int run = runs[first + i];
        lay(sketches.runs(run), sketches.at(run), i);
      }
      bases(sketches, runs, first, count, query);
      for (int i = 0; i < heads * parts; i++) {
        int t = i * SketchQuery.TABLES_INTS;
        count(signs, i % parts * OCTETS * ROWS, count * RUN, query.tables, t, codes, i * ROWS);
      }
      combine(
          codes,
          scales,
          query.steps,
          bases,
          heads,
          parts,
          count * RUN,
          out,
          o + (first - from) * RUN);
    }
  }

  /** Lays a run beside the others. */
  private void lay(byte[] from, int at, int i) {
    for (int part = 0; part < parts; part++, at += PART_BYTES) {
      int to = part * OCTETS * ROWS + i * RUN;
      for (int octet = 0; octet < OCTETS; octet++, to += ROWS) {
        ByteVector.fromArray(ByteVector.SPECIES_128, from, at + octet * RUN).intoArray(signs, to);
      }
      int scalesAt = at + OCTETS * RUN;
      for (int row = 0; row < RUN; row += LANES) {
        ((FloatVector)
                ((IntVector)
                        ((ShortVector)
                                ByteVector.fromArray(PAIRS, from, scalesAt + row * Short.BYTES)
                                    .reinterpretShape(S, 0))
                            .convertShape(ZERO_EXTEND_S2I, I, 0))
                    .lanewise(LSHL, 13)
                    .reinterpretShape(F, 0))
            .mul(Half.BIAS)
            .intoArray(scales, part * ROWS + i * RUN + row);
      }
    }
  }

  /** Products of the queries with the centers of the runs' pages. */
  private void bases(KeySketches sketches, int[] runs, int first, int count, SketchQuery query) {
    int pages = 0;
    for (int i = 0; i < count; i++) {
      int page = runs[first + i] / (BLOCK / RUN);
      if (i == 0 || page != runs[first + i - 1] / (BLOCK / RUN)) {
        sketches.getCenter(page, centers, pages++ * centerDim);
      }
      pageOf[i] = pages - 1;
    }
    for (int head = 0; head < heads; head += QUAD) {
      int some = Math.min(QUAD, heads - head);
      QuadDots.of(
          centers, centersAt, 0, pages, query.scaled, head * dim, dim, some, centerDim, products);
      for (int i = 0; i < count; i++) {
        for (int h = 0; h < some; h++) {
          bases[(head + h) * CHUNK + i] = products[pageOf[i] * QUAD + h];
        }
      }
    }
  }

  /**
   * Of some rows, a query and 64 dimensions. A byte of sketches has the signs of eight dimensions,
   * and is the index into two tables: what is above an index's bits {@code selectFrom} drops, or it
   * reads a repetition of the table.
   */
  private static void count(
      byte[] signs, int at, int rows, int[] tables, int t, byte[] out, int o) {
    ByteVector t0 = (ByteVector) IntVector.fromArray(I, tables, t).reinterpretShape(B, 0);
    ByteVector t1 = (ByteVector) IntVector.fromArray(I, tables, t + LANES).reinterpretShape(B, 0);
    ByteVector t2 =
        (ByteVector) IntVector.fromArray(I, tables, t + 2 * LANES).reinterpretShape(B, 0);
    ByteVector t3 =
        (ByteVector) IntVector.fromArray(I, tables, t + 3 * LANES).reinterpretShape(B, 0);
    ByteVector t4 =
        (ByteVector) IntVector.fromArray(I, tables, t + 4 * LANES).reinterpretShape(B, 0);
    ByteVector t5 =
        (ByteVector) IntVector.fromArray(I, tables, t + 5 * LANES).reinterpretShape(B, 0);
    ByteVector t6 =
        (ByteVector) IntVector.fromArray(I, tables, t + 6 * LANES).reinterpretShape(B, 0);
    ByteVector t7 =
        (ByteVector) IntVector.fromArray(I, tables, t + 7 * LANES).reinterpretShape(B, 0);
    ByteVector t8 =
        (ByteVector) IntVector.fromArray(I, tables, t + 8 * LANES).reinterpretShape(B, 0);
    ByteVector t9 =
        (ByteVector) IntVector.fromArray(I, tables, t + 9 * LANES).reinterpretShape(B, 0);
    ByteVector t10 =
        (ByteVector) IntVector.fromArray(I, tables, t + 10 * LANES).reinterpretShape(B, 0);
    ByteVector t11 =
        (ByteVector) IntVector.fromArray(I, tables, t + 11 * LANES).reinterpretShape(B, 0);
    ByteVector t12 =
        (ByteVector) IntVector.fromArray(I, tables, t + 12 * LANES).reinterpretShape(B, 0);
    ByteVector t13 =
        (ByteVector) IntVector.fromArray(I, tables, t + 13 * LANES).reinterpretShape(B, 0);
    ByteVector t14 =
        (ByteVector) IntVector.fromArray(I, tables, t + 14 * LANES).reinterpretShape(B, 0);
    ByteVector t15 =
        (ByteVector) IntVector.fromArray(I, tables, t + 15 * LANES).reinterpretShape(B, 0);
    for (int row = 0; row < rows; row += BYTES) {
      int s = at + row;
      ByteVector bits = ByteVector.fromArray(B, signs, s);
      ByteVector sums = bits.selectFrom(t0);
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t1));
      bits = ByteVector.fromArray(B, signs, s + ROWS);
      sums = sums.add(bits.selectFrom(t2));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t3));
      bits = ByteVector.fromArray(B, signs, s + 2 * ROWS);
      sums = sums.add(bits.selectFrom(t4));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t5));
      bits = ByteVector.fromArray(B, signs, s + 3 * ROWS);
      sums = sums.add(bits.selectFrom(t6));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t7));
      bits = ByteVector.fromArray(B, signs, s + 4 * ROWS);
      sums = sums.add(bits.selectFrom(t8));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t9));
      bits = ByteVector.fromArray(B, signs, s + 5 * ROWS);
      sums = sums.add(bits.selectFrom(t10));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t11));
      bits = ByteVector.fromArray(B, signs, s + 6 * ROWS);
      sums = sums.add(bits.selectFrom(t12));
      sums =
          sums.add(
              ((ByteVector)
                      ((IntVector) bits.reinterpretShape(I, 0))
                          .lanewise(LSHR, 4)
                          .reinterpretShape(B, 0))
                  .selectFrom(t13));
      bits = ByteVector.fromArray(B, signs, s + 7 * ROWS);
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

  /** Turns the sums of codes into scores, and takes the largest of the heads. */
  private static void combine(
      byte[] codes,
      float[] scales,
      float[] steps,
      float[] bases,
      int heads,
      int parts,
      int rows,
      float[] out,
      int o) {
    for (int row = 0; row < rows; row += LANES) {
      FloatVector best = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
      int i = 0;
      for (int head = 0; head < heads; head++) {
        FloatVector score = FloatVector.broadcast(F, bases[head * CHUNK + row / RUN]);
        for (int part = 0; part < parts; part++, i++) {
          FloatVector step = FloatVector.broadcast(F, steps[i]);
          FloatVector sum =
              (FloatVector)
                  ((IntVector)
                          ByteVector.fromArray(FEW_BYTES, codes, i * ROWS + row)
                              .convertShape(ZERO_EXTEND_B2I, I, 0))
                      .convertShape(I2F, F, 0);
          FloatVector scale = FloatVector.fromArray(F, scales, part * ROWS + row);
          score = sum.sub(SketchQuery.MIDDLE).mul(step).fma(scale, score);
        }
        best = best.lanewise(VectorOperators.MAX, score);
      }
      best.intoArray(out, o + row);
    }
  }
}
