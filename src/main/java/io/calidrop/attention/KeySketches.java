package io.calidrop.attention;

import static io.calidrop.attention.ByteViews.SHORT;
import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.PARTIALS;
import static jdk.incubator.vector.VectorOperators.ABS;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import io.calidrop.tensor.Half;
import io.calidrop.tensor.VectorMath;
import io.calidrop.tensor.VectorShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * What is known of stored keys without reading them: of each page of 64 rows a center in half
 * precision, and of each key, rotated by a {@link Hadamard} matrix and less the center, the signs
 * and a scale for each 64 dimensions (as RaBitQ does for nearest neighbours, arXiv 2405.12497).
 *
 * <p>For each 64 dimensions a page has eight times 64 bytes with the signs of eight dimensions of
 * each row, the first lowest, and 64 half-precision scales.
 */
final class KeySketches {
  /** Dimensions that share a scale. */
  static final int PART = 64;

  /** Bytes of signs that a row has in a part. */
  static final int OCTETS = PART / Byte.SIZE;

  /** Bytes of a page's part. */
  static final int PART_BYTES = (OCTETS + Short.BYTES) * BLOCK;

  /** Pages that lie one after the other. */
  static final int CHUNK = 16;

  /** As many numbers of half precision as a vector has lanes. */
  private static final VectorSpecies<Short> HALVES =
      LANES > Long.BYTES
          ? ShortVector.SPECIES_256
          : LANES > Integer.BYTES ? ShortVector.SPECIES_128 : ShortVector.SPECIES_64;

  private final int dim;
  private final int centerDim; // in whole vectors
  private final int parts; // of 64 dimensions
  private final List<byte[]> chunks = new ArrayList<>(); // [CHUNK][parts][PART_BYTES]
  private final List<short[]> centers = new ArrayList<>(); // [CHUNK][centerDim]
  private final float[] center; // [parts][PART] of a page, decoded
  private final float[] row; // the same of a key; both are 0 beyond the dimensions

  KeySketches(int dim) {
    this.dim = dim;
    centerDim = VectorShape.roundUp(dim, LANES);
    parts = Math.ceilDiv(dim, PART);
    center = new float[parts * PART];
    row = new float[parts * PART];
  }

  private void reach(int page) {
    while (chunks.size() * CHUNK <= page) {
      chunks.add(new byte[CHUNK * parts * PART_BYTES]);
      centers.add(new short[CHUNK * centerDim]);
    }
  }

  /** Makes the mean of {@code count} rotated keys [count][dim] the center of a page. */
  void center(int page, int count, float[] keys) {
    reach(page);
    Arrays.fill(row, 0f);
    for (int i = 0; i < count; i++) {
      VectorMath.add(row, 0, keys, i * dim, dim);
    }
    short[] to = centers.get(page / CHUNK);
    for (int d = 0; d < dim; d++) {
      to[page % CHUNK * centerDim + d] = Float.floatToFloat16(row[d] / count);
    }
  }

  /** Decodes a page's center to {@code out} [dim, padded to vectors] at {@code o}. */
  void getCenter(int page, float[] out, int o) {
    short[] from = centers.get(page / CHUNK);
    int at = page % CHUNK * centerDim;
    for (int d = 0; d < dim; d += LANES) {
      ((FloatVector)
              ((IntVector)
                      ShortVector.fromArray(HALVES, from, at + d)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, 16)
                  .lanewise(ASHR, 3)
                  .and(Half.SIGN_EXPONENT_MANTISSA)
                  .reinterpretShape(F, 0))
          .mul(Half.BIAS)
          .intoArray(out, o + d);
    }
  }

  /**
   * Sketches rows of a page that has a center.
   *
   * @param keys [count][dim], rotated
   */
  void set(int page, int first, int count, float[] keys) {
    reach(page);
    getCenter(page, center, 0);
    byte[] sketches = of(page);
    for (int i = 0; i < count; i++) {
      System.arraycopy(keys, i * dim, row, 0, dim);
      int at = at(page);
      for (int part = 0; part < parts; part++, at += PART_BYTES) {
        float sum = sketch(row, center, part * PART, sketches, at + first + i);
        int n = Math.min(dim - part * PART, PART);
        int scale = at + OCTETS * BLOCK + (first + i) * Short.BYTES;
        SHORT.set(sketches, scale, Float.floatToFloat16(sum / n));
      }
    }
  }

  /** Writes the signs of a part of a key less the center. Returns the sum of the magnitudes. */
  private static float sketch(float[] row, float[] center, int from, byte[] out, int at) {
    long bits = 0;
    FloatVector s0 = FloatVector.zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int d = 0; d < PART; d += PARTIALS) {
      int i = from + d;
      FloatVector x = FloatVector.fromArray(F, row, i).sub(FloatVector.fromArray(F, center, i));
      bits |= x.compare(GT, 0f).toLong() << d;
      s0 = x.lanewise(ABS).add(s0);
      if (LANES < PARTIALS) {
        i += LANES;
        x = FloatVector.fromArray(F, row, i).sub(FloatVector.fromArray(F, center, i));
        bits |= x.compare(GT, 0f).toLong() << d + LANES;
        s1 = x.lanewise(ABS).add(s1);
      }
      if (LANES < PARTIALS / 2) {
        i += LANES;
        x = FloatVector.fromArray(F, row, i).sub(FloatVector.fromArray(F, center, i));
        bits |= x.compare(GT, 0f).toLong() << d + 2 * LANES;
        s2 = x.lanewise(ABS).add(s2);
        i += LANES;
        x = FloatVector.fromArray(F, row, i).sub(FloatVector.fromArray(F, center, i));
        bits |= x.compare(GT, 0f).toLong() << d + 3 * LANES;
        s3 = x.lanewise(ABS).add(s3);
      }
    }
    for (int octet = 0; octet < OCTETS; octet++) {
      out[at + octet * BLOCK] = (byte) (bits >>> octet * Byte.SIZE);
    }
    return VectorMath.sum(s0.add(s2).add(s1.add(s3)));
  }

  /** The bytes that a page lies in. */
  byte[] of(int page) {
    return chunks.get(page / CHUNK);
  }

  /** Where a page begins in them. */
  int at(int page) {
    return page % CHUNK * parts * PART_BYTES;
  }

  /**
   * What is known of a page.
   *
   * @param sketches [parts][PART_BYTES]
   * @param center [centerDim]
   */
  record Page(byte[] sketches, short[] center) {}

  /** A copy of what is known of a page that was sketched. */
  Page save(int page) {
    int from = at(page);
    int center = page % CHUNK * centerDim;
    return new Page(
        Arrays.copyOfRange(chunks.get(page / CHUNK), from, from + parts * PART_BYTES),
        Arrays.copyOfRange(centers.get(page / CHUNK), center, center + centerDim));
  }

  /** Puts it back. */
  void load(int page, Page saved) {
    byte[] to = chunks.get(page / CHUNK);
    System.arraycopy(saved.sketches, 0, to, at(page), saved.sketches.length);
    short[] center = centers.get(page / CHUNK);
    System.arraycopy(saved.center, 0, center, page % CHUNK * centerDim, centerDim);
  }

  /** Carries the sketches of pages {@code [0, used)}. */
  void transfer(StateTransfer state, int used) {
    if (used > 0) {
      reach(used - 1);
    }
    for (int page = 0; page < used; page += CHUNK) {
      int count = Math.min(CHUNK, used - page);
      state.bytes(chunks.get(page / CHUNK), count * parts * PART_BYTES);
      for (int i = page; i < page + count; i++) {
        getCenter(i, center, 0);
        state.floats(center, dim);
        center(i, 1, center);
      }
    }
  }

  /** Allocated bytes. */
  long bytes() {
    return (long) chunks.size() * CHUNK * pageBytes(dim);
  }

  /** Bytes of the sketches of a page. */
  static int pageBytes(int dim) {
    return Math.ceilDiv(dim, PART) * PART_BYTES + VectorShape.roundUp(dim, LANES) * Short.BYTES;
  }
}
