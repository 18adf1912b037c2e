package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.RowPacker.GROUP;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.BYTES;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import io.calidrop.tensor.Half;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Keys of 8, 5 or 4 bits a dimension, rotated, with a scale for each 32 dimensions of a row. A
 * block of rows is decoded to single precision just before use and stays in L1 for all its queries'
 * quads.
 *
 * <p>A tile is a stream of whole vectors. For each 32 dimensions: the scales, rows r and r + LANES
 * to an int; then the first LANES rows and then the others, a row to an int lane, which holds four
 * dimensions or eight, the first on top. Of five bits the upper four lie there; the lowest bits of
 * all 32 dimensions are one int before them.
 */
final class PackedKeys extends KeyRows {
  static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

  static final VarHandle FLOAT =
      MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);

  private final int bits;
  private final int width; // bits of a field of an int
  private final int planes; // ints of lowest bits for 32 dimensions
  private final int groups;
  private final int groupBytes; // of a whole group of a tile
  private final int tileBytes;
  private final Hadamard rotation;
  private final List<byte[]> pages = new ArrayList<>();

  PackedKeys(int headDim, int bits) {
    super(headDim);
    this.bits = bits;
    width = bits == Byte.SIZE ? Byte.SIZE : 4;
    planes = bits == 5 ? 1 : 0;
    groups = Math.ceilDiv(headDim, GROUP);
    groupBytes = (1 + 2 * ints(0)) * BYTES;
    tileBytes = (groups - 1) * groupBytes + (1 + 2 * ints(groups - 1)) * BYTES;
    rotation = Hadamard.of(headDim);
  }

  /** Ints that a row has in a group. */
  private int ints(int group) {
    int dims = Math.min(GROUP, headDim - group * GROUP);
    return planes + Math.ceilDiv(dims * width, Integer.SIZE);
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
    return BLOCK / TILE * tileBytes;
  }

  /** Where the scale of a row's group lies in its page. */
  private int scaleAt(int row, int group) {
    int r = row % TILE;
    int tile = row % BLOCK / TILE;
    return tile * tileBytes + group * groupBytes + 4 * (r % LANES) + 2 * (r / LANES);
  }

  /** Where the first int of a row's group lies in its page; the others lie a vector apart. */
  private int intsAt(int row, int group) {
    int r = row % TILE;
    int vector = 1 + r / LANES * ints(group);
    int tile = row % BLOCK / TILE;
    return tile * tileBytes + group * groupBytes + vector * BYTES + 4 * (r % LANES);
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

  private void set(int row, RowPacker packer) {
    byte[] page = pages.get(row / BLOCK);
    for (int g = 0; g < groups; g++) {
      SHORT.set(page, scaleAt(row, g), packer.scales[g]);
      int at = intsAt(row, g);
      int d = g * GROUP;
      if (planes > 0) {
        INT.set(page, at, lowestBits(packer.codes, d));
        at += BYTES;
      }
      for (int i = planes; i < ints(g); i++, at += BYTES) {
        int fields = 0;
        for (int shift = Integer.SIZE - width; shift >= 0; shift -= width, d++) {
          fields |= (packer.codes[d] >> planes & (1 << width) - 1) << shift;
        }
        INT.set(page, at, fields);
      }
    }
  }

  /** The lowest bits of 32 codes, that of the first on top. */
  static int lowestBits(int[] codes, int from) {
    int plane = 0;
    for (int i = 0; i < GROUP; i++) {
      plane |= (codes[from + i] & 1) << (GROUP - 1 - i);
    }
    return plane;
  }

  @Override
  void get(int row, float[] out, int offset) {
    byte[] page = pages.get(row / BLOCK);
    int fieldsOfInt = Integer.SIZE / width;
    for (int d = 0; d < headDim; d++) {
      int at = intsAt(row, d / GROUP);
      int i = d % GROUP;
      int fields = (int) INT.get(page, at + (planes + i / fieldsOfInt) * BYTES);
      int code = fields << i % fieldsOfInt * width >> Integer.SIZE - width;
      if (planes > 0) {
        code = 2 * code + ((int) INT.get(page, at) << i >>> Integer.SIZE - 1);
      }
      out[offset + d] = code * Half.single((short) SHORT.get(page, scaleAt(row, d / GROUP)));
    }
    rotation.apply(out, offset, headDim);
  }

  @Override
  void move(int from, int to) {
    byte[] source = pages.get(from / BLOCK);
    byte[] target = pages.get(to / BLOCK);
    for (int g = 0; g < groups; g++) {
      SHORT.set(target, scaleAt(to, g), (short) SHORT.get(source, scaleAt(from, g)));
      for (int i = 0; i < ints(g); i++) {
        int at = intsAt(from, g) + i * BYTES;
        INT.set(target, intsAt(to, g) + i * BYTES, (int) INT.get(source, at));
      }
    }
  }

  @Override
  int rowBytes() {
    return (ints(0) * (groups - 1) + ints(groups - 1)) * Integer.BYTES + groups * Short.BYTES;
  }

  @Override
  void saveRow(int row, byte[] to, int offset) {
    byte[] page = pages.get(row / BLOCK);
    int o = offset;
    for (int g = 0; g < groups; g++, o += Short.BYTES) {
      int at = intsAt(row, g);
      for (int i = 0; i < ints(g); i++, at += BYTES, o += Integer.BYTES) {
        INT.set(to, o, (int) INT.get(page, at));
      }
      SHORT.set(to, o, (short) SHORT.get(page, scaleAt(row, g)));
    }
  }

  @Override
  void loadRow(int row, byte[] from, int offset) {
    byte[] page = pages.get(row / BLOCK);
    int o = offset;
    for (int g = 0; g < groups; g++, o += Short.BYTES) {
      int at = intsAt(row, g);
      for (int i = 0; i < ints(g); i++, at += BYTES, o += Integer.BYTES) {
        INT.set(page, at, (int) INT.get(from, o));
      }
      SHORT.set(page, scaleAt(row, g), (short) SHORT.get(from, o));
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
  float queryScale() {
    return 1;
  }

  @Override
  void scores(int row, float[] queries, int queryOffset, float[] scores, AttentionScratch scratch) {
    if (scratch.keysOf != this || scratch.keysRow != row) {
      decode(pages.get(row / BLOCK), scratch.keys, scratch.keyScales);
      scratch.keysOf = this;
      scratch.keysRow = row;
    }
    F32Keys.scores(scratch.keys, 0, headDim, queries, queryOffset, scores);
  }

  /**
   * Decodes a page to [BLOCK / TILE][headDim][TILE]. The last int of a tile may hold fewer
   * dimensions than fit: what is written beyond is overwritten by the next tile.
   */
  private void decode(byte[] page, float[] out, float[] scales) {
    for (int tile = 0; tile < BLOCK; tile += TILE) {
      for (int g = 0; g < groups; g++) {
        int p = tile / TILE * tileBytes + g * groupBytes;
        int o = tile * headDim + g * GROUP * TILE;
        decodeScales(page, p, scales);
        if (planes > 0) {
          decodeFive(page, p, ints(g), scales, out, o);
        } else {
          decode(page, p, ints(g), width, scales, out, o);
        }
      }
    }
  }

  /**
   * Decodes the scales of a tile to [TILE]. Through memory: where C2 does not inline a helper, what
   * vectors it gives or takes are objects.
   */
  private static void decodeScales(byte[] page, int p, float[] out) {
    IntVector pairs = ByteVector.fromArray(B, page, p).reinterpretAsInts();
    Half.low(pairs).intoArray(out, 0);
    Half.high(pairs).intoArray(out, LANES);
  }

  private static void decode(
      byte[] page, int p, int ints, int width, float[] scales, float[] out, int o) {
    FloatVector low = FloatVector.fromArray(F, scales, 0);
    FloatVector high = FloatVector.fromArray(F, scales, LANES);
    for (int i = 1; i <= ints; i++) {
      IntVector a = ByteVector.fromArray(B, page, p + i * BYTES).reinterpretAsInts();
      IntVector b = ByteVector.fromArray(B, page, p + (i + ints) * BYTES).reinterpretAsInts();
      for (int left = Integer.SIZE; left > 0; left -= width, o += TILE) {
        IntVector code = a.lanewise(ASHR, Integer.SIZE - width);
        ((FloatVector) code.convert(I2F, 0)).mul(low).intoArray(out, o);
        code = b.lanewise(ASHR, Integer.SIZE - width);
        ((FloatVector) code.convert(I2F, 0)).mul(high).intoArray(out, o + LANES);
        a = a.lanewise(LSHL, width);
        b = b.lanewise(LSHL, width);
      }
    }
  }

  private static void decodeFive(byte[] page, int p, int ints, float[] scales, float[] out, int o) {
    FloatVector low = FloatVector.fromArray(F, scales, 0);
    FloatVector high = FloatVector.fromArray(F, scales, LANES);
    IntVector bitsA = ByteVector.fromArray(B, page, p + BYTES).reinterpretAsInts();
    IntVector bitsB = ByteVector.fromArray(B, page, p + (1 + ints) * BYTES).reinterpretAsInts();
    for (int i = 2; i <= ints; i++) {
      IntVector a = ByteVector.fromArray(B, page, p + i * BYTES).reinterpretAsInts();
      IntVector b = ByteVector.fromArray(B, page, p + (i + ints) * BYTES).reinterpretAsInts();
      for (int field = 0; field < 8; field++, o += TILE) {
        IntVector code = a.lanewise(ASHR, 27).and(-2).or(bitsA.lanewise(LSHR, 31));
        ((FloatVector) code.convert(I2F, 0)).mul(low).intoArray(out, o);
        code = b.lanewise(ASHR, 27).and(-2).or(bitsB.lanewise(LSHR, 31));
        ((FloatVector) code.convert(I2F, 0)).mul(high).intoArray(out, o + LANES);
        a = a.lanewise(LSHL, 4);
        b = b.lanewise(LSHL, 4);
        bitsA = bitsA.lanewise(LSHL, 1);
        bitsB = bitsB.lanewise(LSHL, 1);
      }
    }
  }
}
