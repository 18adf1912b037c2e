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
 * Q3_K weights: {@code w = d * scale * (q - 4)}, q in 0..7, with a signed scale for each 16
 * columns.
 *
 * <p>A super-block of 256 columns is 110 bytes in the file. In a tile it is [29][rows] ints: of
 * each of 8 blocks of 32 columns three of fields, see {@link PairBits#fields}; between them d and
 * scales as in {@link Q6_KMatrix}, as are the halves of a block.
 */
final class Q3_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 110;
  private static final int INTS = 29;
  private static final int D = 3 * STEP;
  private static final int[] MASKS = {0x00070007, 0x80008000};

  /** The pairs of the highest fields of a block's ints. */
  private static final int[] LAST_FIELDS = {12, 14, 13};

  /** The first columns of these pairs. */
  private static final int[] LAST_COLUMNS = {12, 13, 28};

  private static final short CENTER = 4;

  /** Where the bits of block {@code i} begin. */
  private static final int[] BITS_AT = offsets(i -> 3 * i + (i + 7 >> 3) + (i + 1 >> 1));

  /** Where the scales of block {@code i} are. */
  private static final int[] SCALES_AT = offsets(i -> 4 + 7 * (i >> 1));

  Q3_KMatrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / COLUMNS * INTS * STEP, arena);
  }

  @Override
  public int forms(int tokens) {
    return tokens == 1 ? Activations.FINE_PAIRS : Activations.FINE_SHORTS;
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
        q[i] = (byte) SuperBlocks.q3Quant(source, offset, i);
      }
      long to = (long) s * INTS * STEP + lane * 4L;
      float d = Float.float16ToFloat(source.get(SHORT, offset + 108));
      tile.set(INT, to + D, Float.floatToRawIntBits(d));
      for (int i = 0; i < 8; i += 2) {
        int scales = 0;
        for (int j = 0; j < 4; j++) {
          scales |= (SuperBlocks.q3Scale(source, offset + 96, 2 * i + j) - 32 & 0xff) << 8 * j;
        }
        tile.set(INT, to + SCALES_AT[i], scales);
      }
      for (int i = 0; i < 8; i++) {
        int b = i * Activations.BLOCK;
        for (int k = 0; k < 3; k++) {
          int fields =
              PairBits.fields(q, b, 3, k, 4 * k, 4 * k + 2, 4 * k + 1, 4 * k + 3, LAST_FIELDS[k]);
          tile.set(INT, to + BITS_AT[i] + k * STEP, fields);
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.fine, out, row);
  }

  /* Lanes as in Q6_K; the sums start from -4 times the sum of the activations. */
  private static void dot(
      long p, int tiles, int superBlocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    int[] halves = input.halves;
    float[] scales = input.scales;
    IntVector fields = IntVector.broadcast(I, MASKS[0]);
    IntVector lastBits = IntVector.broadcast(I, MASKS[1]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc0 = FloatVector.zero(F);
      FloatVector acc1 = acc0;
      for (int b = 0; b < 8 * superBlocks; b += 8) {
        long base = p & ADDRESS;
        for (int i = 0; i < 8; i++) {
          ShortVector first0 =
              ((ShortVector) IntVector.broadcast(I, halves[2 * (b + i)]).reinterpretShape(S, 0))
                  .mul((short) -4);
          ShortVector first1 = first0;
          ShortVector second0 =
              ((ShortVector) IntVector.broadcast(I, halves[2 * (b + i) + 1]).reinterpretShape(S, 0))
                  .mul((short) -4);
          ShortVector second1 = second0;
          IntVector last0 = IntVector.zero(I);
          IntVector last1 = last0;
          // Not masked: without checks C2 unrolls the loop, and spills.
          long bits = base + BITS_AT[i];
          int k = (b + i) * 16;
          for (int j = 0; j < 3; j++) {
            long q = bits + j * STEP;
            IntVector w0 = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
            IntVector w1 =
                IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
            ShortVector xk =
                (ShortVector) IntVector.broadcast(I, x[k + 4 * j]).reinterpretShape(S, 0);
            IntVector v0 = w0.and(fields);
            IntVector v1 = w1.and(fields);
            first0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(first0);
            first1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(first1);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 4 * j + 2]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 3).and(fields);
            v1 = w1.lanewise(LSHR, 3).and(fields);
            first0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(first0);
            first1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(first1);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 4 * j + 1]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 6).and(fields);
            v1 = w1.lanewise(LSHR, 6).and(fields);
            second0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(second0);
            second1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(second1);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 4 * j + 3]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 9).and(fields);
            v1 = w1.lanewise(LSHR, 9).and(fields);
            second0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(second0);
            second1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(second1);
            last0 = w0.and(lastBits).or(last0.lanewise(LSHR, 1));
            last1 = w1.and(lastBits).or(last1.lanewise(LSHR, 1));
          }
          ShortVector xk = (ShortVector) IntVector.broadcast(I, x[k + 12]).reinterpretShape(S, 0);
          IntVector v0 =
              IntVector.fromMemorySegment(I, MEMORY, bits, LITTLE_ENDIAN)
                  .lanewise(LSHR, 12)
                  .and(fields);
          IntVector v1 =
              IntVector.fromMemorySegment(I, MEMORY, bits + VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, 12)
                  .and(fields);
          first0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(first0);
          first1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(first1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 14]).reinterpretShape(S, 0);
          v0 =
              IntVector.fromMemorySegment(I, MEMORY, bits + STEP, LITTLE_ENDIAN)
                  .lanewise(LSHR, 12)
                  .and(fields);
          v1 =
              IntVector.fromMemorySegment(I, MEMORY, bits + STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, 12)
                  .and(fields);
          first0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(first0);
          first1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(first1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 13]).reinterpretShape(S, 0);
          v0 =
              IntVector.fromMemorySegment(I, MEMORY, bits + 2 * STEP, LITTLE_ENDIAN)
                  .lanewise(LSHR, 12)
                  .and(fields);
          v1 =
              IntVector.fromMemorySegment(
                      I, MEMORY, bits + 2 * STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, 12)
                  .and(fields);
          second0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(second0);
          second1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(second1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 15]).reinterpretShape(S, 0);
          v0 = last0.lanewise(LSHR, 13);
          v1 = last1.lanewise(LSHR, 13);
          second0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(second0);
          second1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(second1);
          long at = base + SCALES_AT[i] & ADDRESS;
          int shift = 16 * (i & 1);
          FloatVector factor = FloatVector.broadcast(F, scales[b + i]);
          FloatVector scale;
          IntVector s;
          IntVector packed0 =
              IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN).lanewise(LSHR, shift);
          IntVector packed1 =
              IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, shift);
          FloatVector d0 =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, base + D, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);
          FloatVector d1 =
              (FloatVector)
                  IntVector.fromMemorySegment(
                          I, MEMORY, base + D + VectorShape.BYTES, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);

          s = (IntVector) first0.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed0.lanewise(LSHL, 24).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc0 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d0.mul(scale).mul(factor), acc0);
          s = (IntVector) second0.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed0.lanewise(LSHL, 16).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc0 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d0.mul(scale).mul(factor), acc0);
          s = (IntVector) first1.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed1.lanewise(LSHL, 24).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc1 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d1.mul(scale).mul(factor), acc1);
          s = (IntVector) second1.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed1.lanewise(LSHL, 16).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc1 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d1.mul(scale).mul(factor), acc1);
        }
        p += INTS * STEP;
      }
      acc0.intoArray(out, row + tile * ROW_BLOCK);
      acc1.intoArray(out, row + tile * ROW_BLOCK + LANES);
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
          IntVector.fromMemorySegment(I, MEMORY, p + SCALES_AT[i >> 1], LITTLE_ENDIAN)
              .lanewise(LSHL, 24 - 8 * (i & 3))
              .lanewise(ASHR, 24);
      d.mul(scale.convertShape(I2F, F, 0)).intoArray(scales, o);
    }
  }

  private static void unpack(long p, short[] w, int o) {
    IntVector fields = IntVector.broadcast(I, MASKS[0]);
    IntVector lastBits = IntVector.broadcast(I, MASKS[1]);
    for (int i = 0; i < 8; i++, o += Activations.BLOCK * 4 * LANES) {
      IntVector first = IntVector.zero(I);
      IntVector second = first;
      for (int j = 0; j < 3; j++) {
        long q = p + BITS_AT[i] + j * STEP;
        IntVector a = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
        IntVector b = IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
        IntVector u = a.and(NibbleGemm.LOW).or(b.lanewise(LSHL, 16));
        IntVector v = a.lanewise(LSHR, 16).or(b.and(NibbleGemm.HIGH));
        int to = o + j * 16 * LANES;
        ((ShortVector) u.and(fields).reinterpretShape(S, 0)).sub(CENTER).intoArray(w, to);
        ((ShortVector) u.lanewise(LSHR, 3).and(fields).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, to + 4 * LANES);
        ((ShortVector) v.and(fields).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, to + 8 * LANES);
        ((ShortVector) v.lanewise(LSHR, 3).and(fields).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, to + 12 * LANES);
        ((ShortVector) u.lanewise(LSHR, 6).and(fields).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, to + 64 * LANES);
        ((ShortVector) u.lanewise(LSHR, 9).and(fields).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, to + 68 * LANES);
        ((ShortVector) v.lanewise(LSHR, 6).and(fields).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, to + 72 * LANES);
        ((ShortVector) v.lanewise(LSHR, 9).and(fields).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, to + 76 * LANES);
        to = o + LAST_COLUMNS[j] * 4 * LANES;
        ((ShortVector) u.lanewise(LSHR, 12).and(fields).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, to);
        ((ShortVector) v.lanewise(LSHR, 12).and(fields).reinterpretShape(S, 0))
            .sub(CENTER)
            .intoArray(w, to + 8 * LANES);
        first = u.and(lastBits).or(first.lanewise(LSHR, 1));
        second = v.and(lastBits).or(second.lanewise(LSHR, 1));
      }
      ((ShortVector) first.lanewise(LSHR, 13).reinterpretShape(S, 0))
          .sub(CENTER)
          .intoArray(w, o + 29 * 4 * LANES);
      ((ShortVector) second.lanewise(LSHR, 13).reinterpretShape(S, 0))
          .sub(CENTER)
          .intoArray(w, o + 31 * 4 * LANES);
    }
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    HalvesGemm.add(scratch, x.tokens(), x.fine, block, count / Activations.BLOCK, out, o);
  }
}
