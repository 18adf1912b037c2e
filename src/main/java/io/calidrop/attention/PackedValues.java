package io.calidrop.attention;

import static io.calidrop.attention.ByteViews.INT;
import static io.calidrop.attention.ByteViews.SHORT;
import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.RowPacker.GROUP;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.BYTES;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.FEW_BYTES;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.B2I;
import static jdk.incubator.vector.VectorOperators.I2B;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;

import io.calidrop.tensor.Half;
import io.calidrop.tensor.VectorShape;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Values of 8, 5 or 4 bits a dimension, rotated, with a scale for each 32 dimensions of a row.
 *
 * <p>A byte belongs to one row, so that threads can set different ones: an int lane holds four
 * rows, the first on top, with dimension d of each, or d and d + LANES in 4 bits each. Of five bits
 * the lower four lie there; the signs of 32 dimensions of a row are one int, the first on top. The
 * ints of 2 * LANES dimensions lie together for all rows.
 *
 * <p>Sums for a single quad of queries come straight from there, see {@link PackedSums}; for more,
 * a block's codes are decoded to single precision first and stay in L1. Either way the same numbers
 * are multiplied and added in the same order: codes and weights that the rows' scales are in.
 */
final class PackedValues extends ValueRows {
  private static final int ROWS = Integer.BYTES; // of an int

  private static final IntVector LANE = IntVector.zero(I).addIndex(1);

  private final int bits;
  private final int groups;
  private final int vectors; // of ints that a row has a byte in, of 2 * LANES dimensions
  private final int planesAt; // [groups][BLOCK] ints of a page, with five bits
  private final int scalesAt; // [groups][BLOCK] half-precision numbers, in pairs as in PackedKeys
  private final Hadamard rotation;
  private final Pages<byte[]> pages;

  PackedValues(int valueLength, Hadamard rotation, int bits) {
    super(valueLength);
    this.bits = bits;
    this.rotation = rotation;
    groups = Math.ceilDiv(valueDim, GROUP);
    vectors = bits == Byte.SIZE ? 2 : 1;
    planesAt = BLOCK * lanes();
    scalesAt = planesAt + (bits == 5 ? BLOCK * groups * Integer.BYTES : 0);
    pages = new Pages<>(byte[]::new, pageBytes());
  }

  @Override
  Pages<?> pages() {
    return pages;
  }

  @Override
  int pageBytes() {
    return scalesAt + BLOCK * groups * Short.BYTES;
  }

  private int scaleAt(int row, int group) {
    int r = row % KeyRows.TILE;
    int tile = group * BLOCK + row % BLOCK - r;
    return pages.offset(row / BLOCK)
        + scalesAt
        + Short.BYTES * (tile + 2 * (r % LANES) + r / LANES);
  }

  private int planeAt(int row, int group) {
    return pages.offset(row / BLOCK) + planesAt + (group * BLOCK + row % BLOCK) * Integer.BYTES;
  }

  /** Where the byte of a row in lane {@code i} of its vectors lies in its array. */
  private int byteAt(int row, int i) {
    int r = row % BLOCK;
    int vector = i / LANES;
    int at = (vector - vector % vectors) * BLOCK / ROWS + r / ROWS * vectors + vector % vectors;
    return pages.offset(row / BLOCK) + at * BYTES + i % LANES * Integer.BYTES + ROWS - 1 - r % ROWS;
  }

  @Override
  void set(int row, float[] x, int offset) {
    RowPacker packer = RowPacker.ofThread();
    packer.pack(x, offset, valueLength, rotation, bits);
    set(row, packer);
  }

  /** Sets a row to what the last one lost that this thread has packed. */
  void setRest(int row) {
    RowPacker packer = RowPacker.ofThread();
    packer.packRest(valueLength, bits);
    set(row, packer);
  }

  /** Whether a row of these may be what rounding took from one of others. */
  boolean isRestOf(int row, PackedValues rounded, int roundedRow) {
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
    int[] codes = packer.codes;
    for (int g = 0; g * GROUP < valueLength; g++) {
      SHORT.set(page, scaleAt(row, g), packer.scales[g]);
      if (bits == 5) {
        INT.set(page, planeAt(row, g), signs(codes, g * GROUP));
      }
    }
    if (bits == Byte.SIZE) {
      for (int d = 0; d < valueLength; d++) {
        page[byteAt(row, d)] = (byte) codes[d];
      }
      return;
    }
    for (int d = 0; d < valueLength; d += 2 * LANES) {
      for (int lane = 0; lane < LANES; lane++) {
        int pair = codes[d + lane] << 4 | codes[d + lane + LANES] & 15;
        page[byteAt(row, d / 2 + lane)] = (byte) pair;
      }
    }
  }

  /** Writes codes in the order of a row's lanes, in bytes or in four bits each. */
  private static void toBytes(int[] codes, int dim, boolean whole, byte[] out) {
    for (int d = 0; d < dim; d += 2 * LANES) {
      IntVector a = IntVector.fromArray(I, codes, d);
      IntVector b = IntVector.fromArray(I, codes, d + LANES);
      if (whole) {
        ((ByteVector) a.convertShape(I2B, FEW_BYTES, 0)).intoArray(out, d);
        ((ByteVector) b.convertShape(I2B, FEW_BYTES, 0)).intoArray(out, d + LANES);
      } else {
        IntVector both = a.lanewise(LSHL, 4).or(b.and(15));
        ((ByteVector) both.convertShape(I2B, FEW_BYTES, 0)).intoArray(out, d / 2);
      }
    }
  }

  /** The signs of 32 codes, that of the first on top. */
  private static int signs(int[] codes, int from) {
    long signs = 0;
    for (int i = 0; i < GROUP; i += LANES) {
      signs |= IntVector.fromArray(I, codes, from + i).compare(LT, 0).toLong() << i;
    }
    return Integer.reverse((int) signs);
  }

  @Override
  void get(int row, float[] out, int offset) {
    byte[] page = pages.array(row / BLOCK);
    for (int d = 0; d < valueLength; d++) {
      int code;
      if (bits == Byte.SIZE) {
        code = page[byteAt(row, d)];
      } else {
        int i = d % (2 * LANES);
        int pair = page[byteAt(row, (d - i) / 2 + i % LANES)];
        code = i < LANES ? pair >> 4 : pair << 28 >> 28;
      }
      if (bits == 5) {
        int plane = (int) INT.get(page, planeAt(row, d / GROUP));
        code = code & 15 | plane << d % GROUP >> Integer.SIZE - 1 << 4;
      }
      out[offset + d] = code * Half.single((short) SHORT.get(page, scaleAt(row, d / GROUP)));
    }
    rotation.apply(out, offset, valueLength);
  }

  @Override
  void move(int from, int to) {
    byte[] source = pages.array(from / BLOCK);
    byte[] target = pages.array(to / BLOCK);
    for (int i = 0; i < lanes(); i++) {
      target[byteAt(to, i)] = source[byteAt(from, i)];
    }
    for (int g = 0; g < groups; g++) {
      SHORT.set(target, scaleAt(to, g), (short) SHORT.get(source, scaleAt(from, g)));
      if (bits == 5) {
        INT.set(target, planeAt(to, g), (int) INT.get(source, planeAt(from, g)));
      }
    }
  }

  @Override
  int rowBytes() {
    return lanes() + groups * (Short.BYTES + (bits == 5 ? Integer.BYTES : 0));
  }

  /** Bytes that a row has in lanes. */
  private int lanes() {
    return vectors * valueDim / 2;
  }

  @Override
  void encodeRow(float[] x, int offset, byte[] to, int o) {
    RowPacker packer = RowPacker.ofThread();
    packer.pack(x, offset, valueLength, Hadamard.NONE, bits);
    toBytes(packer.codes, valueDim, vectors == 2, packer.bytes);
    System.arraycopy(packer.bytes, 0, to, o, lanes());
    int at = o + lanes();
    for (int g = 0; g < groups; g++, at += Short.BYTES) {
      SHORT.set(to, at, packer.scales[g]);
    }
    for (int g = 0; g < groups && bits == 5; g++, at += Integer.BYTES) {
      INT.set(to, at, signs(packer.codes, g * GROUP));
    }
  }

  @Override
  void decodeRows(byte[] from, int offset, int stride, int count, float[] out, int o, int length) {
    int end = offset + count * stride;
    if (bits == Byte.SIZE) {
      decodeBytes(from, offset, stride, end, valueDim, out, o, length);
    } else {
      int planes = bits == 5 ? lanes() + groups * Short.BYTES : 0;
      decodeNibbles(from, offset, stride, end, valueDim, planes, out, o, length);
    }
  }

  /** Rows of bytes, then scales. */
  private static void decodeBytes(
      byte[] from, int offset, int stride, int end, int dim, float[] out, int o, int length) {
    for (int row = offset, to = o; row < end; row += stride, to += length) {
      for (int d = 0; d < dim; d += LANES) {
        int at = row + dim + d / GROUP * Short.BYTES;
        float scale = Half.single((short) SHORT.get(from, at));
        IntVector code =
            (IntVector) ByteVector.fromArray(FEW_BYTES, from, row + d).convertShape(B2I, I, 0);
        ((FloatVector) code.convertShape(I2F, F, 0)).mul(scale).intoArray(out, to + d);
      }
    }
  }

  /** Rows of four bits, then scales, then signs from {@code planes} on unless that is 0. */
  private static void decodeNibbles(
      byte[] from,
      int offset,
      int stride,
      int end,
      int dim,
      int planes,
      float[] out,
      int o,
      int length) {
    for (int row = offset, to = o; row < end; row += stride, to += length) {
      for (int d = 0; d < dim; d += 2 * LANES) {
        IntVector a =
            (IntVector) ByteVector.fromArray(FEW_BYTES, from, row + d / 2).convertShape(B2I, I, 0);
        IntVector b = a.lanewise(LSHL, 28).lanewise(ASHR, 28);
        a = a.lanewise(ASHR, 4);
        if (planes > 0) {
          int plane = (int) INT.get(from, row + planes + d / GROUP * Integer.BYTES) << d % GROUP;
          IntVector signs = IntVector.broadcast(I, plane).lanewise(LSHL, LANE).lanewise(ASHR, 31);
          a = a.and(15).or(signs.lanewise(LSHL, 4));
          signs = IntVector.broadcast(I, plane << LANES).lanewise(LSHL, LANE).lanewise(ASHR, 31);
          b = b.and(15).or(signs.lanewise(LSHL, 4));
        }
        int at = row + dim / 2 + d / GROUP * Short.BYTES;
        float scale = Half.single((short) SHORT.get(from, at));
        ((FloatVector) a.convertShape(I2F, F, 0)).mul(scale).intoArray(out, to + d);
        ((FloatVector) b.convertShape(I2F, F, 0)).mul(scale).intoArray(out, to + d + LANES);
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
  float weightScale() {
    return 1;
  }

  /** Decodes rows of a page, unless they are. */
  private void decode(byte[] page, int row, int count, AttentionScratch scratch) {
    if (scratch.valuesOf != this || scratch.valuesRow != row || scratch.valuesCount < count) {
      decodeCodes(page, row, count, scratch.codes);
      scratch.keysOf = null;
      scratch.valuesOf = this;
      scratch.valuesRow = row;
      scratch.valuesCount = count;
    }
  }

  @Override
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    byte[] page = pages.array(row / BLOCK);
    int scales = pages.offset(row / BLOCK) + scalesAt;
    if (scratch.decoding) {
      decode(page, row, count, scratch);
    }
    for (int g = 0; g < groups; g++) {
      scale(page, scales + g * BLOCK * Short.BYTES, count, weights, scratch.packed);
      if (scratch.decoding) {
        float unit = 1f / (1 << Integer.SIZE - bits);
        int first = g * GROUP;
        DecodedRows.addSums(
            scratch.codes,
            first * BLOCK,
            dims(g),
            count,
            scratch.packed,
            unit,
            out,
            offset + first,
            valueDim);
      } else {
        sum(page, row, g, count, scratch.packed, scratch.quadQueries > 3, out, offset);
      }
    }
  }

  private int dims(int group) {
    return Math.min(GROUP, valueDim - group * GROUP);
  }

  /** Adds a group's weighted sums, straight from the page. */
  private void sum(
      byte[] page,
      int row,
      int g,
      int count,
      float[] weights,
      boolean four,
      float[] out,
      int offset) {
    int rows = VectorShape.roundUp(count, ROWS);
    for (int end = count; end < KvHead.QUAD * BLOCK; end += BLOCK) {
      Arrays.fill(weights, end, end + rows - count, 0f);
    }
    int first = g * GROUP;
    for (int d = first; d < first + dims(g); d += 2 * LANES) {
      int v = pages.offset(row / BLOCK) + d / 2 * vectors * BLOCK;
      if (bits == 5) {
        int planes = planeAt(row, g);
        PackedSums.addFive(
            page, v, planes, d - first, rows, weights, four, out, offset + d, valueDim);
      } else {
        PackedSums.add(page, v, rows, bits, weights, four, out, offset + d, valueDim);
      }
    }
  }

  /**
   * Decodes the codes of {@code count} rows, rounded up to four, to [groups][BLOCK][dimensions of
   * the group], as large as they are on top of an int.
   */
  private void decodeCodes(byte[] page, int row, int count, float[] out) {
    for (int d = 0; d < valueDim; d += 2 * LANES) {
      int g = d / GROUP;
      int v = pages.offset(row / BLOCK) + d / 2 * vectors * BLOCK;
      int o = g * GROUP * BLOCK + d % GROUP;
      if (bits == 5) {
        decodeFive(page, v, planeAt(row, g), d % GROUP, count, out, o, dims(g));
      } else {
        int step = (vectors - 1) * BYTES;
        int nibble = vectors == 1 ? 4 : 0;
        decode(page, v, vectors * BYTES, 0, bits, count, out, o, dims(g));
        decode(page, v + step, vectors * BYTES, nibble, bits, count, out, o + LANES, dims(g));
      }
    }
  }

  private static void decode(
      byte[] page, int v, int step, int shift, int bits, int count, float[] out, int o, int dims) {
    int top = -1 << Integer.SIZE - bits;
    for (int row = 0; row < count; v += step) {
      IntVector p =
          ((IntVector) ByteVector.fromArray(B, page, v).reinterpretShape(I, 0))
              .lanewise(LSHL, shift);
      for (int end = row + ROWS; row < end; row++, o += dims) {
        ((FloatVector) p.and(top).convertShape(I2F, F, 0)).intoArray(out, o);
        p = p.lanewise(LSHL, Byte.SIZE);
      }
    }
  }

  private static void decodeFive(
      byte[] page, int v, int planes, int dimension, int count, float[] out, int o, int dims) {
    for (int row = 0; row < count; v += BYTES) {
      IntVector p = (IntVector) ByteVector.fromArray(B, page, v).reinterpretShape(I, 0);
      for (int end = row + ROWS; row < end; row++, o += dims) {
        int plane = (int) INT.get(page, planes + row * Integer.BYTES) << dimension;
        IntVector signs = IntVector.broadcast(I, plane).lanewise(LSHL, LANE).and(1 << 31);
        IntVector code = p.lanewise(LSHR, 1).and(15 << 27).or(signs);
        ((FloatVector) code.convertShape(I2F, F, 0)).intoArray(out, o);
        signs = IntVector.broadcast(I, plane << LANES).lanewise(LSHL, LANE).and(1 << 31);
        code = p.lanewise(LSHL, 3).and(15 << 27).or(signs);
        ((FloatVector) code.convertShape(I2F, F, 0)).intoArray(out, o + LANES);
        p = p.lanewise(LSHL, Byte.SIZE);
      }
    }
  }

  /** Multiplies weights [4][BLOCK] by the scales of a group of dimensions. */
  private static void scale(byte[] page, int p, int count, float[] weights, float[] out) {
    for (int row = 0; row < count; row += KeyRows.TILE, p += BYTES) {
      IntVector scales = (IntVector) ByteVector.fromArray(B, page, p).reinterpretShape(I, 0);
      FloatVector low = Half.low(scales);
      FloatVector high = Half.high(scales);
      for (int w = row; w < KvHead.QUAD * BLOCK; w += BLOCK) {
        FloatVector.fromArray(F, weights, w).mul(low).intoArray(out, w);
        FloatVector.fromArray(F, weights, w + LANES).mul(high).intoArray(out, w + LANES);
      }
    }
  }
}
