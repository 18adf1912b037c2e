package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.attention.SketchQuery.MIDDLE;
import static io.calidrop.attention.SketchQuery.PART;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import io.calidrop.tensor.Half;
import io.calidrop.tensor.VectorMath;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * What is known of stored keys without reading them: of each page of 64 rows a center in half
 * precision, and of each key, less the center and rotated by a {@link Hadamard} matrix, the signs
 * and a scale for each 64 dimensions (as RaBitQ does for nearest neighbours, arXiv 2405.12497).
 *
 * <p>Rows lie in strips of as many as a vector has bytes: byte b of its lane l is row l + b *
 * LANES. For each 64 dimensions a strip has eight vectors with the signs of eight dimensions of
 * each row, the first lowest, and two with half-precision scales, rows l and l + LANES to an int.
 */
final class KeySketches {
  private static final int CHUNK = 16; // pages that are allocated together

  /** Rows of a chunk. */
  static final int SUMS = CHUNK * BLOCK;

  /** Rows of a vector of bytes. */
  private static final int STRIP = Integer.BYTES * LANES;

  private static final int SCALES = PART / Byte.SIZE * LANES; // where they begin in a strip
  private static final int PART_INTS = SCALES + 2 * LANES;
  private static final int EXPONENT_MANTISSA = 0x0fffe000;

  private final int dim;
  private final int parts; // of 64 dimensions
  private final int stripInts;
  private final int pageInts;
  private final Hadamard rotation;
  private final F16Keys centers;
  private final List<int[]> chunks = new ArrayList<>();
  private int pages;

  KeySketches(int dim) {
    this.dim = dim;
    parts = Math.ceilDiv(dim, PART);
    stripInts = parts * PART_INTS;
    pageInts = BLOCK / STRIP * stripInts;
    rotation = Hadamard.of(dim);
    centers = new F16Keys(dim);
  }

  /** Makes room for pages up to {@code page}. */
  void reach(int page) {
    for (; pages <= page; pages++) {
      if (pages % CHUNK == 0) {
        chunks.add(new int[CHUNK * pageInts]);
      }
      if (pages % BLOCK == 0) {
        centers.addPage();
      }
    }
  }

  /**
   * Sketches rows of a page.
   *
   * @param first row of the page that they begin at; at 0 the page gets a new center
   * @param keys [count][dim], overwritten
   * @param center [dim] scratch
   */
  void set(int page, int first, int count, float[] keys, float[] center) {
    reach(page);
    for (int i = 0; i < count; i++) {
      rotation.apply(keys, i * dim, dim);
    }
    if (first == 0) {
      Arrays.fill(center, 0, dim, 0f);
      for (int i = 0; i < count; i++) {
        VectorMath.addScaled(center, 0, keys, i * dim, dim, 1f / count);
      }
      centers.set(page, center, 0);
    }
    centers.get(page, center, 0);
    for (int i = 0; i < count; i++) {
      VectorMath.addScaled(keys, i * dim, center, 0, dim, -1);
      set(chunks.get(page / CHUNK), page % CHUNK * pageInts, first + i, keys, i * dim);
    }
  }

  private void set(int[] sketches, int page, int row, float[] x, int offset) {
    int strip = page + row / STRIP * stripInts;
    int lane = row % LANES;
    int byteOf = row % STRIP / LANES;
    for (int part = 0; part < parts; part++, strip += PART_INTS) {
      int from = part * PART;
      int n = Math.min(dim - from, PART);
      float sum = 0;
      for (int i = 0; i < PART / Byte.SIZE; i++) {
        int bits = 0;
        for (int d = i * Byte.SIZE; d < Math.min(n, (i + 1) * Byte.SIZE); d++) {
          float v = x[offset + from + d];
          bits |= (v > 0 ? 1 : 0) << d % Byte.SIZE;
          sum += Math.abs(v);
        }
        put(sketches, strip + i * LANES + lane, Byte.SIZE * byteOf, 0xff, bits);
      }
      int scale = Float.floatToFloat16(sum / n) & 0xffff;
      int at = strip + SCALES + byteOf / 2 * LANES + lane;
      put(sketches, at, Short.SIZE * (byteOf % 2), 0xffff, scale);
    }
  }

  private static void put(int[] x, int at, int shift, int mask, int bits) {
    x[at] = x[at] & ~(mask << shift) | bits << shift;
  }

  /**
   * Scores pages {@code [from, to)}: the largest score of each row with the queries of the group.
   *
   * @param base [heads, padded to 4][BLOCK] scratch
   * @param sums [SUMS] scratch
   * @param out [rows of all pages], overwritten in these pages
   */
  void scores(int from, int to, SketchQuery query, float[] base, float[] sums, float[] out) {
    int heads = query.heads();
    for (int page = from; page < to; ) {
      for (int quad = 0; (page == from || page % BLOCK == 0) && quad < heads; quad += QUAD) {
        centers.scores(page / BLOCK * BLOCK, query.quads, quad * dim, query.scratch, null);
        System.arraycopy(query.scratch, 0, base, quad * BLOCK, QUAD * BLOCK);
      }
      // A chunk of sketches stays in L1 for all heads.
      int end = Math.min(to, (page / CHUNK + 1) * CHUNK);
      for (int head = 0; head < heads; head++) {
        for (int part = 0; part < parts; part++) {
          int[] sketches = chunks.get(page / CHUNK);
          int at = page % CHUNK * pageInts + part * PART_INTS;
          int i = head * parts + part;
          int rows = (end - page) * BLOCK;
          count(
              sketches,
              at,
              rows,
              stripInts,
              query.tables,
              i * SketchQuery.TABLES_INTS,
              query.codes);
          scale(
              query.codes,
              sketches,
              at,
              rows,
              stripInts,
              query.steps[i] * Half.BIAS,
              base,
              head * BLOCK + page % BLOCK,
              part == 0,
              head == 0,
              part == parts - 1,
              sums,
              out,
              page * BLOCK);
        }
      }
      page = end;
    }
  }

  /**
   * Of some pages, a query and 64 dimensions. A byte of sketches has the signs of eight dimensions,
   * and is the index into two tables: what is above an index's bits {@code selectFrom} drops, or it
   * reads a repetition of the table.
   */
  private static void count(
      int[] sketches, int at, int rows, int stripInts, int[] tables, int t, int[] counts) {
    ByteVector t0 = IntVector.fromArray(I, tables, t).reinterpretAsBytes();
    ByteVector t1 = IntVector.fromArray(I, tables, t + LANES).reinterpretAsBytes();
    ByteVector t2 = IntVector.fromArray(I, tables, t + 2 * LANES).reinterpretAsBytes();
    ByteVector t3 = IntVector.fromArray(I, tables, t + 3 * LANES).reinterpretAsBytes();
    ByteVector t4 = IntVector.fromArray(I, tables, t + 4 * LANES).reinterpretAsBytes();
    ByteVector t5 = IntVector.fromArray(I, tables, t + 5 * LANES).reinterpretAsBytes();
    ByteVector t6 = IntVector.fromArray(I, tables, t + 6 * LANES).reinterpretAsBytes();
    ByteVector t7 = IntVector.fromArray(I, tables, t + 7 * LANES).reinterpretAsBytes();
    ByteVector t8 = IntVector.fromArray(I, tables, t + 8 * LANES).reinterpretAsBytes();
    ByteVector t9 = IntVector.fromArray(I, tables, t + 9 * LANES).reinterpretAsBytes();
    ByteVector t10 = IntVector.fromArray(I, tables, t + 10 * LANES).reinterpretAsBytes();
    ByteVector t11 = IntVector.fromArray(I, tables, t + 11 * LANES).reinterpretAsBytes();
    ByteVector t12 = IntVector.fromArray(I, tables, t + 12 * LANES).reinterpretAsBytes();
    ByteVector t13 = IntVector.fromArray(I, tables, t + 13 * LANES).reinterpretAsBytes();
    ByteVector t14 = IntVector.fromArray(I, tables, t + 14 * LANES).reinterpretAsBytes();
    ByteVector t15 = IntVector.fromArray(I, tables, t + 15 * LANES).reinterpretAsBytes();
    for (int row = 0, s = at; row < rows; row += STRIP, s += stripInts) {
      IntVector bits = IntVector.fromArray(I, sketches, s);
      ByteVector codes = bits.reinterpretAsBytes().selectFrom(t0);
      codes = codes.add(bits.lanewise(LSHR, 4).reinterpretAsBytes().selectFrom(t1));
      bits = IntVector.fromArray(I, sketches, s + LANES);
      codes = codes.add(bits.reinterpretAsBytes().selectFrom(t2));
      codes = codes.add(bits.lanewise(LSHR, 4).reinterpretAsBytes().selectFrom(t3));
      bits = IntVector.fromArray(I, sketches, s + 2 * LANES);
      codes = codes.add(bits.reinterpretAsBytes().selectFrom(t4));
      codes = codes.add(bits.lanewise(LSHR, 4).reinterpretAsBytes().selectFrom(t5));
      bits = IntVector.fromArray(I, sketches, s + 3 * LANES);
      codes = codes.add(bits.reinterpretAsBytes().selectFrom(t6));
      codes = codes.add(bits.lanewise(LSHR, 4).reinterpretAsBytes().selectFrom(t7));
      bits = IntVector.fromArray(I, sketches, s + 4 * LANES);
      codes = codes.add(bits.reinterpretAsBytes().selectFrom(t8));
      codes = codes.add(bits.lanewise(LSHR, 4).reinterpretAsBytes().selectFrom(t9));
      bits = IntVector.fromArray(I, sketches, s + 5 * LANES);
      codes = codes.add(bits.reinterpretAsBytes().selectFrom(t10));
      codes = codes.add(bits.lanewise(LSHR, 4).reinterpretAsBytes().selectFrom(t11));
      bits = IntVector.fromArray(I, sketches, s + 6 * LANES);
      codes = codes.add(bits.reinterpretAsBytes().selectFrom(t12));
      codes = codes.add(bits.lanewise(LSHR, 4).reinterpretAsBytes().selectFrom(t13));
      bits = IntVector.fromArray(I, sketches, s + 7 * LANES);
      codes = codes.add(bits.reinterpretAsBytes().selectFrom(t14));
      codes = codes.add(bits.lanewise(LSHR, 4).reinterpretAsBytes().selectFrom(t15));
      codes.reinterpretAsInts().intoArray(counts, row / Integer.BYTES);
    }
  }

  /** Turns the counts of codes of some pages, a query and 64 dimensions into scores. */
  private static void scale(
      int[] counts,
      int[] sketches,
      int at,
      int rows,
      int stripInts,
      float step,
      float[] base,
      int basesAt,
      boolean firstPart,
      boolean firstHead,
      boolean lastPart,
      float[] sums,
      float[] out,
      int o) {
    FloatVector least = FloatVector.broadcast(F, -MIDDLE * step);
    FloatVector steps = FloatVector.broadcast(F, step);
    for (int row = 0, s = at; row < rows; row += STRIP, s += stripInts) {
      FloatVector center = FloatVector.broadcast(F, lastPart ? base[basesAt + row / BLOCK] : 0);
      IntVector sum = IntVector.fromArray(I, counts, row / Integer.BYTES);
      IntVector pair = IntVector.fromArray(I, sketches, s + SCALES);
      IntVector pair2 = IntVector.fromArray(I, sketches, s + SCALES + LANES);
      FloatVector a = pair.lanewise(LSHL, 16).lanewise(LSHR, 3).reinterpretAsFloats();
      FloatVector b = pair.lanewise(LSHR, 3).and(EXPONENT_MANTISSA).reinterpretAsFloats();
      FloatVector c = pair2.lanewise(LSHL, 16).lanewise(LSHR, 3).reinterpretAsFloats();
      FloatVector d = pair2.lanewise(LSHR, 3).and(EXPONENT_MANTISSA).reinterpretAsFloats();
      a = ((FloatVector) sum.and(0xff).convert(I2F, 0)).fma(steps, least).fma(a, center);
      b =
          ((FloatVector) sum.lanewise(LSHR, 8).and(0xff).convert(I2F, 0))
              .fma(steps, least)
              .fma(b, center);
      c =
          ((FloatVector) sum.lanewise(LSHR, 16).and(0xff).convert(I2F, 0))
              .fma(steps, least)
              .fma(c, center);
      d = ((FloatVector) sum.lanewise(LSHR, 24).convert(I2F, 0)).fma(steps, least).fma(d, center);
      if (!firstPart) {
        a = a.add(FloatVector.fromArray(F, sums, row));
        b = b.add(FloatVector.fromArray(F, sums, row + LANES));
        c = c.add(FloatVector.fromArray(F, sums, row + 2 * LANES));
        d = d.add(FloatVector.fromArray(F, sums, row + 3 * LANES));
      }
      float[] to = lastPart ? out : sums;
      int t0 = lastPart ? o + row : row;
      if (lastPart && !firstHead) {
        a = a.max(FloatVector.fromArray(F, out, t0));
        b = b.max(FloatVector.fromArray(F, out, t0 + LANES));
        c = c.max(FloatVector.fromArray(F, out, t0 + 2 * LANES));
        d = d.max(FloatVector.fromArray(F, out, t0 + 3 * LANES));
      }
      a.intoArray(to, t0);
      b.intoArray(to, t0 + LANES);
      c.intoArray(to, t0 + 2 * LANES);
      d.intoArray(to, t0 + 3 * LANES);
    }
  }

  /** Copies a page's sketches elsewhere, as they are stored: for tests and saved states. */
  void transfer(StateTransfer state, int used) {
    if (used > 0) {
      reach(used - 1);
    }
    for (int page = 0; page < used; page += CHUNK) {
      state.ints(chunks.get(page / CHUNK), Math.min(CHUNK, used - page) * pageInts);
    }
    float[] center = new float[dim];
    for (int page = 0; page < used; page++) {
      centers.get(page, center, 0);
      state.floats(center, dim);
      centers.set(page, center, 0);
    }
  }

  long bytes() {
    return (long) chunks.size() * CHUNK * pageInts * Integer.BYTES
        + (long) Math.ceilDiv(pages, BLOCK) * centers.pageBytes();
  }

  /** Bytes of the sketches of a page. */
  int pageBytes() {
    return pageInts * Integer.BYTES + dim * Short.BYTES;
  }
}
