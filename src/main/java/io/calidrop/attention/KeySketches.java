package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.attention.RowPacker.GROUP;
import static io.calidrop.attention.SketchQuery.PLANES;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static jdk.incubator.vector.VectorOperators.BIT_COUNT;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.XOR;

import io.calidrop.tensor.Half;
import io.calidrop.tensor.VectorMath;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * What is known of stored keys without reading them: of each page of 64 rows a center in half
 * precision, and of each key, less the center and rotated by a {@link Hadamard} matrix, the signs
 * and a scale for each 32 dimensions (as RaBitQ does for nearest neighbours, arXiv 2405.12497).
 *
 * <p>A vector's lanes are rows. For each LANES rows of a page and each 64 dimensions: an int of
 * signs for the first 32, one for the others, and both scales, half-precision numbers, in one.
 */
final class KeySketches {
  private static final int CHUNK = 16; // pages that are allocated together

  /** Rows of a chunk. */
  static final int SUMS = CHUNK * BLOCK;

  private static final int EXPONENT_MANTISSA = 0x0fffe000;
  private static final int MOST = (1 << PLANES) - 1;

  private final int dim;
  private final int pairs; // of groups of 32 dimensions
  private final int pageInts;
  private final Hadamard rotation;
  private final F16Keys centers;
  private final List<int[]> chunks = new ArrayList<>();
  private int pages;

  KeySketches(int dim) {
    this.dim = dim;
    pairs = Math.ceilDiv(dim, 2 * GROUP);
    pageInts = BLOCK * 3 * pairs;
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

  /** Dimensions of a group: fewer in the last, none in one that only makes a pair of it. */
  private int ofGroup(int group) {
    return Math.clamp(dim - group * GROUP, 0, GROUP);
  }

  private void set(int[] sketches, int page, int row, float[] x, int offset) {
    int at = page + (row / LANES * 3 * pairs) * LANES + row % LANES;
    for (int pair = 0; pair < pairs; pair++, at += 3 * LANES) {
      int scales = 0;
      for (int g = 0; g < 2; g++) {
        int from = offset + (2 * pair + g) * GROUP;
        int n = ofGroup(2 * pair + g);
        int bits = 0;
        float sum = 0;
        for (int d = 0; d < n; d++) {
          bits |= (x[from + d] > 0 ? 1 : 0) << d;
          sum += Math.abs(x[from + d]);
        }
        sketches[at + g * LANES] = bits;
        scales |= (Float.floatToFloat16(sum / Math.max(1, n)) & 0xffff) << 16 * g;
      }
      sketches[at + 2 * LANES] = scales;
    }
  }

  /**
   * Scores pages {@code [from, to)}: the largest score of each row with the queries of the group.
   *
   * @param base [heads, padded to 4][BLOCK] scratch
   * @param sums [SUMS] scratch
   * @param out [rows of all pages], overwritten in these pages
   */
  void scores(int from, int to, SketchQuery query, float[] base, float[] sums, float[] out) {
    int heads = query.steps.length;
    for (int page = from; page < to; ) {
      for (int quad = 0; (page == from || page % BLOCK == 0) && quad < heads; quad += QUAD) {
        centers.scores(page / BLOCK * BLOCK, query.quads, quad * dim, query.scratch, null);
        System.arraycopy(query.scratch, 0, base, quad * BLOCK, QUAD * BLOCK);
      }
      // A chunk of sketches stays in L1 for all heads.
      int end = Math.min(to, (page / CHUNK + 1) * CHUNK);
      for (int head = 0; head < heads; head++) {
        for (int pair = 0; pair < pairs; pair++) {
          scores(
              chunks.get(page / CHUNK),
              page % CHUNK * pageInts + pair * 3 * LANES,
              (end - page) * BLOCK,
              pairs * 3,
              query.planes,
              (head * pairs + pair) * 2 * PLANES,
              ofGroup(2 * pair) * MOST,
              ofGroup(2 * pair + 1) * MOST,
              query.steps[head] * Half.BIAS,
              base,
              head * BLOCK + page % BLOCK,
              pair == 0,
              head == 0,
              pair == pairs - 1,
              sums,
              out,
              page * BLOCK);
        }
      }
      page = end;
    }
  }

  /**
   * Of some pages, a query and a pair of groups. The sum of signs times odd numbers is what XOR and
   * BIT_COUNT give.
   */
  private static void scores(
      int[] sketches,
      int at,
      int rows,
      int rowInts,
      int[] planes,
      int p,
      float most0,
      float most1,
      float step,
      float[] base,
      int basesAt,
      boolean firstPair,
      boolean firstHead,
      boolean lastPair,
      float[] sums,
      float[] out,
      int o) {
    IntVector a0 = IntVector.broadcast(I, planes[p]);
    IntVector a1 = IntVector.broadcast(I, planes[p + 1]);
    IntVector a2 = IntVector.broadcast(I, planes[p + 2]);
    IntVector a3 = IntVector.broadcast(I, planes[p + 3]);
    IntVector b0 = IntVector.broadcast(I, planes[p + 4]);
    IntVector b1 = IntVector.broadcast(I, planes[p + 5]);
    IntVector b2 = IntVector.broadcast(I, planes[p + 6]);
    IntVector b3 = IntVector.broadcast(I, planes[p + 7]);
    FloatVector twice = FloatVector.broadcast(F, -2);
    FloatVector most = FloatVector.broadcast(F, most0);
    FloatVector mostOther = FloatVector.broadcast(F, most1);
    for (int row = 0, s = at; row < rows; row += LANES, s += rowInts * LANES) {
      IntVector bits = IntVector.fromArray(I, sketches, s);
      IntVector count = bits.lanewise(XOR, a3).lanewise(BIT_COUNT);
      count = count.add(count).add(bits.lanewise(XOR, a2).lanewise(BIT_COUNT));
      count = count.add(count).add(bits.lanewise(XOR, a1).lanewise(BIT_COUNT));
      count = count.add(count).add(bits.lanewise(XOR, a0).lanewise(BIT_COUNT));
      bits = IntVector.fromArray(I, sketches, s + LANES);
      IntVector other = bits.lanewise(XOR, b3).lanewise(BIT_COUNT);
      other = other.add(other).add(bits.lanewise(XOR, b2).lanewise(BIT_COUNT));
      other = other.add(other).add(bits.lanewise(XOR, b1).lanewise(BIT_COUNT));
      other = other.add(other).add(bits.lanewise(XOR, b0).lanewise(BIT_COUNT));
      IntVector scales = IntVector.fromArray(I, sketches, s + 2 * LANES);
      FloatVector scale = scales.lanewise(LSHL, 16).lanewise(LSHR, 3).reinterpretAsFloats();
      FloatVector scaleOther =
          scales.lanewise(LSHR, 3).and(EXPONENT_MANTISSA).reinterpretAsFloats();
      FloatVector sum = ((FloatVector) count.convert(I2F, 0)).fma(twice, most).mul(scale);
      sum = ((FloatVector) other.convert(I2F, 0)).fma(twice, mostOther).fma(scaleOther, sum);
      if (!firstPair) {
        sum = sum.add(FloatVector.fromArray(F, sums, row));
      }
      if (!lastPair) {
        sum.intoArray(sums, row);
        continue;
      }
      FloatVector score = sum.mul(step).add(base[basesAt + row / BLOCK]);
      if (!firstHead) {
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
