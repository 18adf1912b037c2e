package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.PackedKeys.INT;
import static io.calidrop.attention.PackedKeys.SHORT;
import static io.calidrop.attention.RowPacker.GROUP;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.BYTES;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import io.calidrop.tensor.Half;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Values of 8, 5 or 4 bits a dimension, rotated, with a scale for each 32 dimensions of a row. A
 * block of rows is decoded to single precision just before use and stays in L1 for all its queries'
 * quads.
 *
 * <p>A byte belongs to one row, so that threads can set different ones: an int lane holds four
 * rows, the first on top, with dimension d of each, or d and d + LANES in 4 bits each. Of five bits
 * the upper four lie there; the lowest bits of 32 dimensions of a row are one int, the first on
 * top.
 */
final class PackedValues extends ValueRows {
  private static final int ROWS = Integer.BYTES; // of an int
  private static final IntVector LANE = IntVector.zero(I).addIndex(1);

  private final int bits;
  private final int groups;
  private final int rowsBytes; // of the ints of four rows
  private final int planesAt; // [BLOCK][groups] ints of a page, with five bits
  private final int scalesAt; // [BLOCK][groups] half-precision numbers of a page
  private final Hadamard rotation;
  private final List<byte[]> pages = new ArrayList<>();

  PackedValues(int valueLength, Hadamard rotation, int bits) {
    super(valueLength);
    this.bits = bits;
    this.rotation = rotation;
    groups = Math.ceilDiv(valueDim, GROUP);
    rowsBytes = ROWS * valueDim / (bits == Byte.SIZE ? 1 : 2);
    planesAt = BLOCK / ROWS * rowsBytes;
    scalesAt = planesAt + (bits == 5 ? BLOCK * groups * Integer.BYTES : 0);
  }

  @Override
  void addPage() {
    pages.add(new byte[pageBytes()]);
  }

  @Override
  void removePage(int page) {
    pages.remove(page);
  }

  @Override
  int pageBytes() {
    return scalesAt + BLOCK * groups * Short.BYTES;
  }

  private int scaleAt(int row, int group) {
    return scalesAt + (row % BLOCK * groups + group) * Short.BYTES;
  }

  private int planeAt(int row, int group) {
    return planesAt + (row % BLOCK * groups + group) * Integer.BYTES;
  }

  /** Where the {@code i}th byte of a row lies in its page. */
  private int byteAt(int row, int i) {
    return row % BLOCK / ROWS * rowsBytes + ROWS * i + ROWS - 1 - row % ROWS;
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

  private void set(int row, RowPacker packer) {
    byte[] page = pages.get(row / BLOCK);
    int[] codes = packer.codes;
    for (int g = 0; g * GROUP < valueLength; g++) {
      SHORT.set(page, scaleAt(row, g), packer.scales[g]);
      if (bits == 5) {
        INT.set(page, planeAt(row, g), PackedKeys.lowestBits(codes, g * GROUP));
      }
    }
    if (bits == Byte.SIZE) {
      for (int d = 0; d < valueLength; d++) {
        page[byteAt(row, d)] = (byte) codes[d];
      }
      return;
    }
    int drop = bits - 4;
    for (int d = 0; d < valueLength; d += 2 * LANES) {
      for (int lane = 0; lane < LANES; lane++) {
        int first = codes[d + lane] >> drop << 4;
        int second = codes[d + lane + LANES] >> drop & 15;
        page[byteAt(row, d / 2 + lane)] = (byte) (first | second);
      }
    }
  }

  @Override
  void get(int row, float[] out, int offset) {
    byte[] page = pages.get(row / BLOCK);
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
        code = 2 * code + (plane << d % GROUP >>> Integer.SIZE - 1);
      }
      out[offset + d] = code * Half.single((short) SHORT.get(page, scaleAt(row, d / GROUP)));
    }
    rotation.apply(out, offset, valueLength);
  }

  @Override
  void move(int from, int to) {
    byte[] source = pages.get(from / BLOCK);
    byte[] target = pages.get(to / BLOCK);
    for (int i = 0; i < rowsBytes / ROWS; i++) {
      target[byteAt(to, i)] = source[byteAt(from, i)];
    }
    int scales = groups * Short.BYTES;
    System.arraycopy(source, scaleAt(from, 0), target, scaleAt(to, 0), scales);
    if (bits == 5) {
      int planes = groups * Integer.BYTES;
      System.arraycopy(source, planeAt(from, 0), target, planeAt(to, 0), planes);
    }
  }

  @Override
  int rowBytes() {
    return rowsBytes / ROWS + groups * (Short.BYTES + (bits == 5 ? Integer.BYTES : 0));
  }

  @Override
  void saveRow(int row, byte[] to, int offset) {
    byte[] page = pages.get(row / BLOCK);
    int at = byteAt(row, 0);
    int o = offset;
    for (int i = 0; i < rowsBytes; i += ROWS) {
      to[o++] = page[at + i];
    }
    int scales = groups * Short.BYTES;
    System.arraycopy(page, scaleAt(row, 0), to, o, scales);
    if (bits == 5) {
      System.arraycopy(page, planeAt(row, 0), to, o + scales, groups * Integer.BYTES);
    }
  }

  @Override
  void loadRow(int row, byte[] from, int offset) {
    byte[] page = pages.get(row / BLOCK);
    int at = byteAt(row, 0);
    int o = offset;
    for (int i = 0; i < rowsBytes; i += ROWS) {
      page[at + i] = from[o++];
    }
    int scales = groups * Short.BYTES;
    System.arraycopy(from, o, page, scaleAt(row, 0), scales);
    if (bits == 5) {
      System.arraycopy(from, o + scales, page, planeAt(row, 0), groups * Integer.BYTES);
    }
  }

  @Override
  void save(int page, MemorySegment to, long offset) {
    MemorySegment.copy(pages.get(page), 0, to, JAVA_BYTE, offset, pageBytes());
  }

  @Override
  void load(int page, MemorySegment from, long offset) {
    MemorySegment.copy(from, JAVA_BYTE, offset, pages.get(page), 0, pageBytes());
  }

  @Override
  Hadamard rotation() {
    return rotation;
  }

  @Override
  float weightScale() {
    return 1;
  }

  @Override
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    if (scratch.valuesOf != this || scratch.valuesRow != row || scratch.valuesCount < count) {
      decode(pages.get(row / BLOCK), count, scratch.values);
      scratch.valuesOf = this;
      scratch.valuesRow = row;
      scratch.valuesCount = count;
    }
    F32Values.accumulate(scratch.values, 0, valueDim, count, weights, out, offset);
  }

  /** Decodes {@code count} rows of a page to [count, rounded up to four][valueDim]. */
  private void decode(byte[] page, int count, float[] out) {
    for (int row = 0; row < count; row += ROWS) {
      int p = row / ROWS * rowsBytes;
      int s = scaleAt(row, 0);
      int o = row * valueDim;
      switch (bits) {
        case 4 -> decodeFour(page, p, s, groups, valueDim, out, o);
        case 5 -> decodeFive(page, p, planeAt(row, 0), s, groups, valueDim, out, o);
        default -> decodeEight(page, p, s, groups, valueDim, out, o);
      }
    }
  }

  private static void decodeEight(
      byte[] page, int p, int s, int groups, int dim, float[] out, int o) {
    for (int d = 0; d < dim; d += LANES, p += BYTES) {
      IntVector a = ByteVector.fromArray(B, page, p).reinterpretAsInts();
      int at = s + d / GROUP * Short.BYTES;
      for (int row = 0; row < ROWS; row++, at += groups * Short.BYTES) {
        float scale = Half.single((short) SHORT.get(page, at));
        ((FloatVector) a.lanewise(ASHR, 24).convert(I2F, 0))
            .mul(scale)
            .intoArray(out, o + row * dim + d);
        a = a.lanewise(LSHL, 8);
      }
    }
  }

  private static void decodeFour(
      byte[] page, int p, int s, int groups, int dim, float[] out, int o) {
    for (int d = 0; d < dim; d += 2 * LANES, p += BYTES) {
      IntVector a = ByteVector.fromArray(B, page, p).reinterpretAsInts();
      int at = s + d / GROUP * Short.BYTES;
      for (int row = 0; row < ROWS; row++, at += groups * Short.BYTES) {
        float scale = Half.single((short) SHORT.get(page, at));
        int to = o + row * dim + d;
        ((FloatVector) a.lanewise(ASHR, 28).convert(I2F, 0)).mul(scale).intoArray(out, to);
        a = a.lanewise(LSHL, 4);
        ((FloatVector) a.lanewise(ASHR, 28).convert(I2F, 0)).mul(scale).intoArray(out, to + LANES);
        a = a.lanewise(LSHL, 4);
      }
    }
  }

  private static void decodeFive(
      byte[] page, int p, int planes, int s, int groups, int dim, float[] out, int o) {
    for (int d = 0; d < dim; d += 2 * LANES, p += BYTES) {
      IntVector a = ByteVector.fromArray(B, page, p).reinterpretAsInts();
      int group = d / GROUP;
      for (int row = 0; row < ROWS; row++, group += groups) {
        float scale = Half.single((short) SHORT.get(page, s + group * Short.BYTES));
        int plane = (int) INT.get(page, planes + group * Integer.BYTES) << d % GROUP;
        int to = o + row * dim + d;
        IntVector bit = IntVector.broadcast(I, plane).lanewise(LSHL, LANE).lanewise(LSHR, 31);
        IntVector code = a.lanewise(ASHR, 27).and(-2).or(bit);
        ((FloatVector) code.convert(I2F, 0)).mul(scale).intoArray(out, to);
        a = a.lanewise(LSHL, 4);
        bit = IntVector.broadcast(I, plane << LANES).lanewise(LSHL, LANE).lanewise(LSHR, 31);
        code = a.lanewise(ASHR, 27).and(-2).or(bit);
        ((FloatVector) code.convert(I2F, 0)).mul(scale).intoArray(out, to + LANES);
        a = a.lanewise(LSHL, 4);
      }
    }
  }
}
