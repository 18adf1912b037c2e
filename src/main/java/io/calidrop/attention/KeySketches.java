package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.attention.RowPacker.GROUP;
import static io.calidrop.attention.SketchQuery.PLANES;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.BIT_COUNT;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.XOR;

import io.calidrop.tensor.Half;
import io.calidrop.tensor.VectorMath;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * What is known of stored keys without reading them: of each page of 64 rows a center in half
 * precision, and of each key, less the center and rotated by a {@link Hadamard} matrix, the signs
 * and a scale for each 32 dimensions (as RaBitQ does for nearest neighbours, arXiv 2405.12497).
 *
 * <p>A vector's lanes are rows. For each LANES rows of a page: an int of signs for each 32
 * dimensions, then the scales, two half-precision numbers to an int.
 */
final class KeySketches {
  private static final int CHUNK = 16; // pages that are allocated together
  private static final int SIGN_EXPONENT_MANTISSA = 0x8fffe000;
  private static final boolean CENTERED = !Boolean.getBoolean("nocenter");
  private static final boolean UNBIASED = Boolean.getBoolean("unbiased");

  private final int dim;
  private final int groups;
  private final int rowInts; // of a row
  private final int pageInts;
  private final Hadamard rotation;
  private final F16Keys centers;
  private final List<int[]> chunks = new ArrayList<>();
  private int pages;

  KeySketches(int dim) {
    this.dim = dim;
    groups = Math.ceilDiv(dim, GROUP);
    rowInts = groups + Math.ceilDiv(groups, 2);
    pageInts = BLOCK * rowInts;
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
   * @param keys [count][dim], overwritten
   * @param first row of the page that the first is; at 0 the page gets a new center
   */
  void set(int page, int first, int count, float[] keys, float[] center) {
    reach(page);
    for (int i = 0; i < count; i++) {
      rotation.apply(keys, i * dim, dim);
    }
    if (first == 0) {
      java.util.Arrays.fill(center, 0, dim, 0f);
      for (int i = 0; i < count && CENTERED; i++) {
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
    int at = page + row / LANES * LANES * rowInts + row % LANES;
    for (int g = 0; g < groups; g += 2) {
      sketches[at + (groups + g / 2) * LANES] = 0;
    }
    for (int g = 0; g < groups; g++) {
      int bits = 0;
      float sum = 0;
      float squares = 0;
      int n = Math.min(GROUP, dim - g * GROUP);
      for (int d = 0; d < n; d++) {
        float v = x[offset + g * GROUP + d];
        bits |= (v > 0 ? 1 : 0) << d;
        sum += Math.abs(v);
        squares += v * v;
      }
      float scale = UNBIASED ? (sum == 0 ? 0 : squares / sum) : sum / n;
      sketches[at + g * LANES] = bits;
      sketches[at + (groups + g / 2) * LANES] |=
          (Float.floatToFloat16(scale) & 0xffff) << 16 * (g % 2);
    }
  }

  /**
   * Scores pages {@code [from, to)}: the largest score of each row with the queries of the group.
   *
   * @param base [4][BLOCK] scratch
   * @param out [rows of all pages], overwritten in these pages
   */
  void scores(int from, int to, SketchQuery query, float[] base, float[] out) {
    int heads = query.steps.length;
    for (int page = from; page < to; ) {
      int end = Math.min(to, (page / BLOCK + 1) * BLOCK);
      for (int head = 0; head < heads; head++) {
        if (head % QUAD == 0) {
          centers.scores(page / BLOCK * BLOCK, query.quads, head * dim, base, null);
        }
        for (int p = page; p < end; p++) {
          scores(
              chunks.get(p / CHUNK),
              p % CHUNK * pageInts,
              dim,
              query.planes,
              head * groups * PLANES,
              query.steps[head] * Half.BIAS,
              base[head % QUAD * BLOCK + p % BLOCK],
              head == 0,
              out,
              p * BLOCK);
        }
      }
      page = end;
    }
  }

  /** Of a page and a query. The sum of signs times odd numbers is what XOR and BIT_COUNT give. */
  private static void scores(
      int[] sketches,
      int at,
      int dim,
      int[] planes,
      int p,
      float step,
      float base,
      boolean first,
      float[] out,
      int o) {
    int groups = (dim + GROUP - 1) / GROUP;
    int rowInts = groups + (groups + 1) / 2;
    for (int row = 0; row < BLOCK; row += LANES) {
      int s = at + row * rowInts;
      FloatVector sum = FloatVector.zero(F);
      for (int g = 0; g < groups; g++) {
        IntVector bits = IntVector.fromArray(I, sketches, s + g * LANES);
        int q = p + g * PLANES;
        IntVector count = bits.lanewise(XOR, planes[q + 3]).lanewise(BIT_COUNT);
        count = count.lanewise(LSHL, 1).add(bits.lanewise(XOR, planes[q + 2]).lanewise(BIT_COUNT));
        count = count.lanewise(LSHL, 1).add(bits.lanewise(XOR, planes[q + 1]).lanewise(BIT_COUNT));
        count = count.lanewise(LSHL, 1).add(bits.lanewise(XOR, planes[q]).lanewise(BIT_COUNT));
        IntVector pair = IntVector.fromArray(I, sketches, s + (groups + g / 2) * LANES);
        FloatVector scale =
            pair.lanewise(LSHL, 16 - g % 2 * 16)
                .lanewise(ASHR, 3)
                .and(SIGN_EXPONENT_MANTISSA)
                .reinterpretAsFloats();
        int most = Math.min(GROUP, dim - g * GROUP) * ((1 << PLANES) - 1);
        IntVector product = count.lanewise(LSHL, 1).neg().add(most);
        sum = scale.fma((FloatVector) product.convert(I2F, 0), sum);
      }
      FloatVector score = sum.mul(step).add(base);
      if (!first) {
        score = score.max(FloatVector.fromArray(F, out, o + row));
      }
      score.intoArray(out, o + row);
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
