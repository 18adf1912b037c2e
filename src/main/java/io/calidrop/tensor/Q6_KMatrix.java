package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.ADDRESS;
import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.S;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Q6_K weights: {@code w = d * scale * (q - 32)}, q in 0..63, with a signed scale for each 16
 * columns.
 *
 * <p>A super-block of 256 columns is 210 bytes in the file. In a tile it is [53][rows] ints in the
 * order in which they are needed: of each 16 columns three; after the first ones d as float32, and
 * after them and each fourth ones from there the scales of four times 16 columns.
 *
 * <p>Sixteen weights are eight pairs of columns that kernels multiply by, see {@link
 * QuantizedActivations#pairColumn}: the first of a pair in the low half of an int, the second in
 * the high one. An int's halves hold two weights each and, on top, four of the twelve bits of the
 * last two, the lowest ones in the first int.
 */
final class Q6_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 210;
  static final int INTS = 53;
  static final int D = 3 * STEP;
  private static final int SUM = Chain.SIXTHS.stride;
  private static final short CENTER = 32;

  /** What an int holds of the last two pairs, before it is moved to the top. */
  private static final int LAST_BITS = 0x000f000f;

  /** The lowest field of both halves of an int. */
  static final int[] SIX_BITS = {0x003f003f};

  /** What an int holds of the last two pairs. */
  static final int[] TOP_BITS = {0xf000f000};

  /** Where 16 columns begin. */
  static final int[] BITS_AT = offsets(16, i -> 3 * i + (i + 15) / 16 + (i + 3) / 4);

  /** Where the int of scales is that holds that of 16 columns. */
  static final int[] SCALES_AT = offsets(16, i -> 4 + 13 * (i / 4));

  Q6_KMatrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / COLUMNS * INTS * STEP, arena);
  }

  @Override
  public int forms(int tokens) {
    if (tokens == 1) {
      return Activations.SIXTH_CHAINS;
    }
    return tokens <= streamed() ? Activations.BOUNDED_PAIRS : Activations.BOUNDED_SHORTS;
  }

  @Override
  int tilesTogether() {
    return 2;
  }

  @Override
  int unpackedColumns() {
    return COLUMNS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    byte[] q = new byte[COLUMNS];
    for (int s = 0; s < columns() / COLUMNS; s++, offset += FILE_BYTES) {
      for (int i = 0; i < q.length; i++) {
        q[i] = (byte) SuperBlocks.q6Quant(source, offset, i);
      }
      long to = (long) s * INTS * STEP + lane * 4L;
      float d = Float.float16ToFloat(source.get(SHORT, offset + 208));
      tile.set(INT, to + D, Float.floatToRawIntBits(d));
      for (int i = 0; i < 16; i++) {
        tile.set(INT, to + SCALES_AT[i], source.get(INT, offset + 192 + i / 4 * 4));
        int pair = 16 * (i / 2) + i % 2;
        int seventh = fields(q, pair + 12);
        int eighth = fields(q, pair + 14);
        for (int k = 0; k < 3; k++) {
          // Twelve bits of the last two in the top four of three ints, the lowest ones first.
          int last = (seventh | eighth << 6) >>> 4 * k & LAST_BITS;
          int first = fields(q, pair + 4 * k) | fields(q, pair + 4 * k + 2) << 6;
          tile.set(INT, to + BITS_AT[i] + k * STEP, first | last << 12);
        }
      }
    }
  }

  /** The quants of a pair of columns, in the lowest bits of both halves of an int. */
  private static int fields(byte[] q, int pair) {
    int column = pair / 16 * Activations.BLOCK + QuantizedActivations.pairColumn(pair % 16);
    return q[column] | q[column + 2] << 16;
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.bounded.chains, out, row);
  }

  /* Products of 16 columns and weights less 32 fit 16 bits, as activations are bounded, and are widened once. */
  private static void dot(long p, int tiles, int superBlocks, int[] x, float[] out, int row) {
    long tileBytes = superBlocks * (long) INTS * STEP;
    for (int b = 0; b < 16 * superBlocks; b += 16, p += INTS * STEP) {
      for (int i = 0; i < 16; i++) {
        int k = (b + i) * SUM;
        int shift = 24 - 8 * (i & 3);
        for (int t = 0; t < tiles; t++) {
          long tile = p + t * tileBytes;
          long base = tile & ADDRESS;
          int r = row + t * ROW_BLOCK;
          long q = tile + BITS_AT[i] & ADDRESS;
          ShortVector s0 = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
          ShortVector s1 = s0;
          ShortVector xk;
          IntVector w0;
          IntVector w1;
          w0 = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
          w1 = IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 2]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.lanewise(LSHR, 6).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.lanewise(LSHR, 6).reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 3]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.lanewise(LSHR, 12).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.lanewise(LSHR, 12).reinterpretShape(S, 0)).mul(xk).add(s1);
          w0 = IntVector.fromMemorySegment(I, MEMORY, q + STEP, LITTLE_ENDIAN);
          w1 = IntVector.fromMemorySegment(I, MEMORY, q + STEP + VectorShape.BYTES, LITTLE_ENDIAN);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 4]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 5]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.lanewise(LSHR, 6).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.lanewise(LSHR, 6).reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 6]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.lanewise(LSHR, 12).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.lanewise(LSHR, 12).reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 7]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.lanewise(LSHR, 14).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.lanewise(LSHR, 14).reinterpretShape(S, 0)).mul(xk).add(s1);
          w0 = IntVector.fromMemorySegment(I, MEMORY, q + 2 * STEP, LITTLE_ENDIAN);
          w1 =
              IntVector.fromMemorySegment(
                  I, MEMORY, q + 2 * STEP + VectorShape.BYTES, LITTLE_ENDIAN);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 8]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 9]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.lanewise(LSHR, 6).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.lanewise(LSHR, 6).reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 10]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.lanewise(LSHR, 12).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.lanewise(LSHR, 12).reinterpretShape(S, 0)).mul(xk).add(s1);
          long at = tile + SCALES_AT[i] & ADDRESS;
          FloatVector factor =
              (FloatVector) IntVector.broadcast(I, x[k + SUM - Chain.SCALE]).reinterpretShape(F, 0);
          FloatVector d0 =
              ((FloatVector)
                      IntVector.fromMemorySegment(I, MEMORY, base + D, LITTLE_ENDIAN)
                          .reinterpretShape(F, 0))
                  .mul(
                      IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
                          .lanewise(LSHL, shift)
                          .lanewise(ASHR, 24)
                          .convertShape(I2F, F, 0));
          FloatVector d1 =
              ((FloatVector)
                      IntVector.fromMemorySegment(
                              I, MEMORY, base + D + VectorShape.BYTES, LITTLE_ENDIAN)
                          .reinterpretShape(F, 0))
                  .mul(
                      IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                          .lanewise(LSHL, shift)
                          .lanewise(ASHR, 24)
                          .convertShape(I2F, F, 0));
          IntVector t0 = (IntVector) s0.reinterpretShape(I, 0);
          IntVector t1 = (IntVector) s1.reinterpretShape(I, 0);
          t0 = t0.add(t0.lanewise(LSHL, 16)).lanewise(ASHR, 16);
          t1 = t1.add(t1.lanewise(LSHL, 16)).lanewise(ASHR, 16);
          FloatVector acc0 = FloatVector.fromArray(F, out, r);
          FloatVector acc1 = FloatVector.fromArray(F, out, r + LANES);
          acc0 = ((FloatVector) t0.convertShape(I2F, F, 0)).fma(d0.mul(factor), acc0);
          acc1 = ((FloatVector) t1.convertShape(I2F, F, 0)).fma(d1.mul(factor), acc1);
          acc0.intoArray(out, r);
          acc1.intoArray(out, r + LANES);
        }
      }
    }
  }

  @Override
  int streamed() {
    return Activations.GROUP; // shifting the bits together again for a second one costs more
  }

  @Override
  void multiplyFew(
      long address, Activations x, int first, int end, float[] out, MatMulScratch scratch) {
    int superBlocks = columns() / COLUMNS;
    int block = first * x.blocks(); // one group only
    if (x.tokens() == 2) {
      Q6_KPair.multiply(address, superBlocks, x.bounded, block, out, 0, ROW_BLOCK);
    } else {
      Q6_KGroup.multiply(address, superBlocks, x.bounded, block, out, 0, ROW_BLOCK);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long p = address + column / COLUMNS * (long) INTS * STEP;
    int o = half * MatMulScratch.TILE_SCALES;
    unpackScales(p, scratch.scales, o);
    unpackScales(p + VectorShape.BYTES, scratch.scales, o + LANES);
    unpack(p, scratch.shorts, half * ROW_BLOCK);
  }

  private static void unpackScales(long p, float[] scales, int o) {
    FloatVector d =
        (FloatVector)
            IntVector.fromMemorySegment(I, MEMORY, p + D, LITTLE_ENDIAN).reinterpretShape(F, 0);
    for (int i = 0; i < 16; i++, o += ROW_BLOCK) {
      IntVector scale =
          IntVector.fromMemorySegment(I, MEMORY, p + SCALES_AT[i], LITTLE_ENDIAN)
              .lanewise(LSHL, 24 - 8 * (i & 3))
              .lanewise(ASHR, 24);
      d.mul(scale.convertShape(I2F, F, 0)).intoArray(scales, o);
    }
  }

  private static void unpack(long p, short[] w, int o) {
    IntVector sixBits = IntVector.broadcast(I, SIX_BITS[0]);
    IntVector topBits = IntVector.broadcast(I, TOP_BITS[0]);
    for (int i = 0; i < 16; i++) {
      IntVector first = IntVector.zero(I);
      IntVector second = first;
      for (int j = 0; j < 3; j++) {
        long q = p + BITS_AT[i] + j * STEP;
        IntVector a = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
        IntVector b = IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
        IntVector u = a.and(NibbleGemm.LOW).or(b.lanewise(LSHL, 16));
        IntVector v = a.lanewise(LSHR, 16).or(b.and(NibbleGemm.HIGH));
        ((ShortVector) u.and(sixBits).reinterpretShape(S, 0)).sub(CENTER).intoArray(w, o);
        ((ShortVector) u.lanewise(LSHR, 6).and(sixBits).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, o + 4 * LANES);
        ((ShortVector) v.and(sixBits).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, o + 8 * LANES);
        ((ShortVector) v.lanewise(LSHR, 6).and(sixBits).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, o + 12 * LANES);
        first = u.and(topBits).or(first.lanewise(LSHR, 4));
        second = v.and(topBits).or(second.lanewise(LSHR, 4));
        o += 16 * LANES;
      }
      ((ShortVector) first.lanewise(LSHR, 4).and(sixBits).reinterpretShape(S, 0))
          .sub(CENTER)
          .intoArray(w, o);
      ((ShortVector) first.lanewise(LSHR, 10).and(sixBits).reinterpretShape(S, 0))
          .sub(CENTER)
          .intoArray(w, o + 4 * LANES);
      ((ShortVector) second.lanewise(LSHR, 4).and(sixBits).reinterpretShape(S, 0))
          .sub(CENTER)
          .intoArray(w, o + 8 * LANES);
      ((ShortVector) second.lanewise(LSHR, 10).and(sixBits).reinterpretShape(S, 0))
          .sub(CENTER)
          .intoArray(w, o + 12 * LANES);
      o += 16 * LANES;
    }
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    HalvesGemm.add(scratch, x.tokens(), x.bounded, block, count / Activations.BLOCK, out, o);
  }
}
