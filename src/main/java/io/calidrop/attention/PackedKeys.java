package io.calidrop.attention;

import static io.calidrop.attention.ByteViews.INT;
import static io.calidrop.attention.ByteViews.SHORT;
import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.attention.RowPacker.GROUP;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.BYTES;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import io.calidrop.tensor.Half;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Keys of 8, 5 or 4 bits a dimension, rotated, with a scale for each 32 dimensions of a row.
 *
 * <p>A tile is a stream of whole vectors. For each 32 dimensions: the scales, rows r and r + LANES
 * to an int; then the first LANES rows and then the others, a row to an int lane, which holds four,
 * six or eight dimensions, the first on top. Six times five bits leave two: those of five ints, the
 * last one's on top, are two dimensions more.
 *
 * <p>Scores of a single quad of queries come straight from there, see {@link PackedScores}; for
 * more, a block's codes are decoded to single precision first and stay in L1. Either way the same
 * numbers are multiplied and added in the same order.
 */
final class PackedKeys extends KeyRows {
  /** Bits that fields of five leave of an int. */
  private static final int SPARE = 2;

  private final int bits;
  private final int fields; // of an int
  private final int groups;
  private final int groupBytes; // of a whole group of a tile
  private final int tileBytes;
  private final Hadamard rotation;
  private final Pages<byte[]> pages;

  PackedKeys(int headDim, int bits) {
    super(headDim);
    this.bits = bits;
    fields = Integer.SIZE / bits;
    groups = Math.ceilDiv(headDim, GROUP);
    groupBytes = (1 + 2 * ints(0)) * BYTES;
    tileBytes = (groups - 1) * groupBytes + (1 + 2 * ints(groups - 1)) * BYTES;
    rotation = Hadamard.of(headDim);
    pages = new Pages<>(byte[]::new, pageBytes());
  }

  /** Ints that a row has in a group. */
  private int ints(int group) {
    return Math.min(GROUP * bits / Integer.SIZE, Math.ceilDiv(dims(group), fields));
  }

  private int dims(int group) {
    return Math.min(GROUP, headDim - group * GROUP);
  }

  @Override
  Pages<?> pages() {
    return pages;
  }

  @Override
  int pageBytes() {
    return BLOCK / TILE * tileBytes;
  }

  /** Where a row's tile begins in its array. */
  private int tileAt(int row) {
    return pages.offset(row / BLOCK) + row % BLOCK / TILE * tileBytes;
  }

  /** Where the scale of a row's group lies in its array. */
  private int scaleAt(int row, int group) {
    int r = row % TILE;
    return tileAt(row) + group * groupBytes + 4 * (r % LANES) + 2 * (r / LANES);
  }

  /** Where the first int of a row's group lies in its array; the others lie a vector apart. */
  private int intsAt(int row, int group) {
    int r = row % TILE;
    int vector = 1 + r / LANES * ints(group);
    return tileAt(row) + group * groupBytes + vector * BYTES + 4 * (r % LANES);
  }

  @Override
  void set(int row, float[] x, int offset) {
    RowPacker packer = RowPacker.ofThread();
    packer.pack(x, offset, headDim, rotation, bits);
    set(row, packer);
  }

  /** Sets a row to what the last one lost that this thread has packed. */
  void setRest(int row) {
    RowPacker packer = RowPacker.ofThread();
    packer.packRest(headDim, bits);
    set(row, packer);
  }

  /** Whether a row of these may be what rounding took from one of others. */
  boolean isRestOf(int row, PackedKeys rounded, int roundedRow) {
    boolean isRest = true;
    for (int g = 0; g < groups; g++) {
      isRest &= RowPacker.isRest(scale(row, g), rounded.scale(roundedRow, g));
    }
    return isRest;
  }

  private float scale(int row, int group) {
    return Half.single((short) SHORT.get(pages.array(row / BLOCK), scaleAt(row, group)));
  }

  private void set(int row, RowPacker packer) {
    byte[] page = pages.array(row / BLOCK);
    for (int g = 0; g < groups; g++) {
      SHORT.set(page, scaleAt(row, g), packer.scales[g]);
      int at = intsAt(row, g);
      int d = g * GROUP;
      int end = d + ints(g) * fields; // codes beyond the dimensions are 0
      int spread = bits == 5 ? spread(packer.codes, d + GROUP - 2) : 0;
      for (; d < end; at += BYTES) {
        int packed = spread & (1 << SPARE) - 1;
        spread >>= SPARE;
        for (int top = Integer.SIZE - bits; top >= 0 && d < end; top -= bits, d++) {
          packed |= (packer.codes[d] & (1 << bits) - 1) << top;
        }
        INT.set(page, at, packed);
      }
    }
  }

  /** The two codes of a group's end that have no field. */
  private static int spread(int[] codes, int d) {
    return (codes[d] & 31) << 5 | codes[d + 1] & 31;
  }

  @Override
  void get(int row, float[] out, int offset) {
    byte[] page = pages.array(row / BLOCK);
    for (int d = 0; d < headDim; d++) {
      int g = d / GROUP;
      int i = d % GROUP;
      int at = intsAt(row, g);
      int packed = 0;
      if (i < ints(g) * fields) {
        packed = (int) INT.get(page, at + i / fields * BYTES);
      } else {
        for (int j = 0; j < ints(g); j++) {
          int spare = (int) INT.get(page, at + j * BYTES) << Integer.SIZE - SPARE;
          packed = packed >>> SPARE | spare;
        }
      }
      int code = packed << i % fields * bits >> Integer.SIZE - bits;
      out[offset + d] = code * Half.single((short) SHORT.get(page, scaleAt(row, g)));
    }
    rotation.apply(out, offset, headDim);
  }

  @Override
  void move(int from, int to) {
    byte[] source = pages.array(from / BLOCK);
    byte[] target = pages.array(to / BLOCK);
    for (int g = 0; g < groups; g++) {
      SHORT.set(target, scaleAt(to, g), (short) SHORT.get(source, scaleAt(from, g)));
      for (int i = 0; i < ints(g); i++) {
        int at = intsAt(from, g) + i * BYTES;
        INT.set(target, intsAt(to, g) + i * BYTES, (int) INT.get(source, at));
      }
    }
  }

  @Override
  void save(int page, MemorySegment to, long offset) {
    MemorySegment.copy(pages.array(page), pages.offset(page), to, JAVA_BYTE, offset, pageBytes());
  }

  @Override
  void load(int page, MemorySegment from, long offset) {
    MemorySegment.copy(from, JAVA_BYTE, offset, pages.array(page), pages.offset(page), pageBytes());
  }

  @Override
  Hadamard rotation() {
    return rotation;
  }

  @Override
  float queryScale() {
    return 1;
  }

  @Override
  void scores(int row, float[] queries, int queryOffset, float[] scores, AttentionScratch scratch) {
    byte[] page = pages.array(row / BLOCK);
    int from = pages.offset(row / BLOCK);
    if (scratch.decoding) {
      if (scratch.keysOf != this || scratch.keysRow != row) {
        decode(page, from, scratch.codes);
        decodeScales(page, from, scratch.keyScales);
        scratch.valuesOf = null;
        scratch.keysOf = this;
        scratch.keysRow = row;
      }
      DecodedRows.scores(scratch.codes, scratch.keyScales, headDim, queries, queryOffset, scores);
      return;
    }
    boolean four = scratch.quadQueries > 3;
    for (int tile = 0; tile < BLOCK; tile += TILE) {
      for (int g = 0; g < groups; g++) {
        int p = from + tile / TILE * tileBytes + g * groupBytes;
        sum(page, p, g, queries, queryOffset + g * GROUP * QUAD, four, scratch.packed);
        scale(page, p, bits, scratch.packed, g > 0, scores, tile);
      }
    }
  }

  /** Sums the products with a group's codes of a tile, straight from the page. */
  private void sum(byte[] page, int p, int g, float[] queries, int q, boolean four, float[] sums) {
    if (bits == 5) {
      PackedScores.sumFive(page, p, ints(g), dims(g), queries, q, four, sums);
      if (dims(g) > ints(g) * fields) {
        PackedScores.addLast(page, p, queries, q + ints(g) * fields * QUAD, four, sums);
      }
    } else {
      PackedScores.sum(page, p, ints(g), dims(g), bits, queries, q, four, sums);
    }
  }

  /**
   * Decodes a page's codes to [groups][BLOCK / TILE][dimensions][TILE], as large as they are on top
   * of an int.
   */
  private void decode(byte[] page, int from, float[] out) {
    for (int tile = 0; tile < BLOCK; tile += TILE) {
      for (int g = 0; g < groups; g++) {
        int p = from + tile / TILE * tileBytes + g * groupBytes;
        int o = g * GROUP * BLOCK + tile * dims(g);
        decode(page, p + BYTES, ints(g), bits, fields, dims(g), out, o);
        decode(page, p + (1 + ints(g)) * BYTES, ints(g), bits, fields, dims(g), out, o + LANES);
      }
    }
  }

  /** Decodes a page's scales, in units of decoded codes, to [groups][BLOCK]. */
  private void decodeScales(byte[] page, int from, float[] out) {
    float unit = 1f / (1 << Integer.SIZE - bits);
    for (int g = 0; g < groups; g++) {
      for (int tile = 0; tile < BLOCK; tile += TILE) {
        int p = from + tile / TILE * tileBytes + g * groupBytes;
        IntVector scales = (IntVector) ByteVector.fromArray(B, page, p).reinterpretShape(I, 0);
        Half.low(scales).mul(unit).intoArray(out, g * BLOCK + tile);
        Half.high(scales).mul(unit).intoArray(out, g * BLOCK + tile + LANES);
      }
    }
  }

  private static void decode(
      byte[] page, int p, int ints, int bits, int fields, int dims, float[] out, int o) {
    int top = -1 << Integer.SIZE - bits;
    IntVector spread = IntVector.zero(I);
    int d = 0;
    for (int i = 0; i <= ints && d < dims; i++) {
      IntVector packed = spread;
      if (i < ints) {
        packed = (IntVector) ByteVector.fromArray(B, page, p + i * BYTES).reinterpretShape(I, 0);
        spread = spread.lanewise(LSHR, SPARE).or(packed.lanewise(LSHL, Integer.SIZE - SPARE));
      }
      for (int end = Math.min(d + fields, dims); d < end; d++) {
        ((FloatVector) packed.and(top).convertShape(I2F, F, 0)).intoArray(out, o + d * TILE);
        packed = packed.lanewise(LSHL, bits);
      }
    }
  }

  /** Multiplies a tile's sums [4][TILE] by the rows' scales and adds them to scores, or to none. */
  private static void scale(
      byte[] page, int p, int bits, float[] sums, boolean add, float[] scores, int tile) {
    IntVector scales = (IntVector) ByteVector.fromArray(B, page, p).reinterpretShape(I, 0);
    float unit = 1f / (1 << Integer.SIZE - bits);
    FloatVector low = Half.low(scales).mul(unit);
    FloatVector high = Half.high(scales).mul(unit);
    for (int i = tile, s = 0; i < QUAD * BLOCK; i += BLOCK, s += TILE) {
      FloatVector a = FloatVector.fromArray(F, sums, s).mul(low);
      FloatVector b = FloatVector.fromArray(F, sums, s + LANES).mul(high);
      if (add) {
        a = FloatVector.fromArray(F, scores, i).add(a);
        b = FloatVector.fromArray(F, scores, i + LANES).add(b);
      }
      a.intoArray(scores, i);
      b.intoArray(scores, i + LANES);
    }
  }
}
