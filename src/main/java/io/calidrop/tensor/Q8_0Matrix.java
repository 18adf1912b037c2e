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
 * Q8_0 weights: {@code w = d * q}, q a signed byte.
 *
 * <p>A block of 32 columns is 34 bytes in the file: d as a half precision number, then the bytes. A
 * tile takes blocks in pairs: [8][rows] ints of four neighbouring columns of the first, 128 added
 * to each, from columns 0, 16, 4, 20, 8 and so on, [rows] ints of both blocks' d, and the bytes of
 * the second.
 */
final class Q8_0Matrix extends BlockMatrix {
  private static final int FILE_BYTES = 34;
  private static final int BLOCK_BYTES = Activations.BLOCK * ROW_BLOCK;
  private static final int PAIR_BYTES = STEP + 2 * BLOCK_BYTES;
  private static final int[] BYTES_AT = offsets(i -> i / 2 * 17 + i % 2 * 9);

  private static final int[] BYTES = {0x00ff00ff};

  Q8_0Matrix(int rows, int columns, Arena arena) {
    long bytes = Math.ceilDiv(columns, 2 * Activations.BLOCK) * (long) PAIR_BYTES;
    super(rows, columns, 4 * PAIR_BYTES, bytes, arena);
  }

  @Override
  public int forms(int tokens) {
    return tokens <= streamed() ? Activations.TRIPLES : Activations.INTEGERS;
  }

  @Override
  int unpackedColumns() {
    return FloatGemm.COLUMNS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    for (int b = 0; b < columns() / Activations.BLOCK; b++) {
      long from = offset + (long) b * FILE_BYTES;
      long to = b / 2L * PAIR_BYTES;
      tile.set(SHORT, to + BLOCK_BYTES + lane * 4L + b % 2 * 2, source.get(SHORT, from));
      to += b % 2 * (long) (BLOCK_BYTES + STEP);
      for (int m = 0; m < 8; m++) {
        int first = (m & ~1) * 2 + QuantizedActivations.PAIR_COLUMNS[m & 1];
        int q = source.get(INT, from + 2 + first);
        tile.set(INT, to + m * STEP + lane * 4L, q ^ 0x80808080);
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, x.blocks(), x.bytes.triples, x.bytes.scales, out, row);
  }

  /* A lane of ints adds pairs of sums of two products as they are, and the higher ones again by themselves:
   * one shift for two products, where each half by itself takes three; see triples. */
  private static void dot(
      long p, int tiles, int blocks, int[] x, float[] scales, float[] out, int row) {
    long tileBytes = blocks / 2 * (long) PAIR_BYTES;
    IntVector bytes = IntVector.broadcast(I, BYTES[0]);
    for (int pair = 0; pair < blocks; pair += 2, p += PAIR_BYTES) {
      for (int i = 0; i < 2; i++) {
        int b = pair + i;
        int shift = 16 - 16 * i;
        for (int t = 0; t < tiles; t++) {
          long base = p + t * tileBytes & ADDRESS;
          int r = row + t * ROW_BLOCK;
          IntVector a0 = IntVector.zero(I);
          IntVector a0High = a0;
          IntVector b0 = a0;
          IntVector b0High = a0;
          for (int m = 0; m < 8; m++) {
            int k = b * 24 + m;
            IntVector va =
                IntVector.fromMemorySegment(
                    I, MEMORY, base + i * (BLOCK_BYTES + STEP) + m * STEP, LITTLE_ENDIAN);
            IntVector vb =
                IntVector.fromMemorySegment(
                    I,
                    MEMORY,
                    base + i * (BLOCK_BYTES + STEP) + m * STEP + VectorShape.BYTES,
                    LITTLE_ENDIAN);
            ShortVector lowa = (ShortVector) va.reinterpretShape(S, 0);
            ShortVector higha =
                (ShortVector) va.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0);
            ShortVector lowb = (ShortVector) vb.reinterpretShape(S, 0);
            ShortVector highb =
                (ShortVector) vb.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0);
            ShortVector x0;
            ShortVector x1;
            ShortVector offset;
            IntVector s;
            x0 = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
            x1 = (ShortVector) IntVector.broadcast(I, x[k + 8]).reinterpretShape(S, 0);
            offset = (ShortVector) IntVector.broadcast(I, x[k + 16]).reinterpretShape(S, 0);
            s = (IntVector) x0.mul(lowa).add(x1.mul(higha)).add(offset).reinterpretShape(I, 0);
            a0 = s.add(a0);
            a0High = s.lanewise(ASHR, 16).add(a0High);
            s = (IntVector) x0.mul(lowb).add(x1.mul(highb)).add(offset).reinterpretShape(I, 0);
            b0 = s.add(b0);
            b0High = s.lanewise(ASHR, 16).add(b0High);
          }
          FloatVector factor = FloatVector.broadcast(F, scales[b]);
          IntVector half0 =
              IntVector.fromMemorySegment(I, MEMORY, base + BLOCK_BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHL, shift);
          IntVector half1 =
              IntVector.fromMemorySegment(
                      I, MEMORY, base + BLOCK_BYTES + VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHL, shift);
          FloatVector d0 =
              ((FloatVector)
                      half0
                          .lanewise(ASHR, 3)
                          .and(Half.SIGN_EXPONENT_MANTISSA)
                          .reinterpretShape(F, 0))
                  .mul(Half.BIAS);
          FloatVector d1 =
              ((FloatVector)
                      half1
                          .lanewise(ASHR, 3)
                          .and(Half.SIGN_EXPONENT_MANTISSA)
                          .reinterpretShape(F, 0))
                  .mul(Half.BIAS);
          IntVector sum0 =
              a0.sub(a0High.lanewise(LSHL, 16))
                  .add(a0High)
                  .sub(QuantizedActivations.TRIPLES_OFFSET);
          IntVector sum1 =
              b0.sub(b0High.lanewise(LSHL, 16))
                  .add(b0High)
                  .sub(QuantizedActivations.TRIPLES_OFFSET);
          FloatVector acc0 = FloatVector.fromArray(F, out, r);
          FloatVector acc1 = FloatVector.fromArray(F, out, r + LANES);
          acc0 = ((FloatVector) sum0.convertShape(I2F, F, 0)).fma(d0.mul(factor), acc0);
          acc1 = ((FloatVector) sum1.convertShape(I2F, F, 0)).fma(d1.mul(factor), acc1);
          acc0.intoArray(out, r);
          acc1.intoArray(out, r + LANES);
        }
      }
    }
  }

  @Override
  QuantizedActivations input(Activations x) {
    return x.bytes;
  }

  @Override
  int sums(long run, int blocks, QuantizedActivations x, int block, int tokens, float[] sums) {
    for (int t = 0; t < tokens; t += 2) {
      ByteSums.two(run, BYTES_AT, blocks, x.triples, block, t, sums);
    }
    return 0;
  }

  @Override
  void unpackScales(long run, int blocks, MatMulScratch scratch, int o) {
    for (int b = 0; b < blocks; b++) {
      IntVector ds =
          IntVector.fromMemorySegment(
              I, MEMORY, run + b / 2 * PAIR_BYTES + BLOCK_BYTES, LITTLE_ENDIAN);
      ((FloatVector)
              ds.lanewise(LSHL, 16 - b % 2 * 16)
                  .lanewise(ASHR, 3)
                  .and(Half.SIGN_EXPONENT_MANTISSA)
                  .reinterpretShape(F, 0))
          .mul(Half.BIAS)
          .intoArray(scratch.scales, o + b * ROW_BLOCK);
      FloatVector.zero(F).intoArray(scratch.minima, o + b * ROW_BLOCK);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long p = address + column / (2 * Activations.BLOCK) * (long) PAIR_BYTES;
    int blocks = count / Activations.BLOCK;
    unpackScales(p, blocks, scratch, half * LANES);
    for (int b = 0; b < blocks; b++) {
      long q = p + BYTES_AT[b];
      for (int m = 0; m < 8; m++) {
        int column0 = (m & ~1) * 2 + QuantizedActivations.PAIR_COLUMNS[m & 1];
        int o = (b * Activations.BLOCK + column0) * ROW_BLOCK + half * LANES;
        floats(q + m * STEP, scratch.floats, o);
      }
    }
  }

  /**
   * Four columns of bytes of 0..255 as floats of -128..127.
   *
   * @param q address of an int for each row
   * @param o index of the first row's first weight; the next columns' lie {@link #ROW_BLOCK}
   *     further on
   */
  private static void floats(long q, float[] w, int o) {
    IntVector v = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
    ((FloatVector) v.and(0xff).sub(128).convertShape(I2F, F, 0)).intoArray(w, o);
    ((FloatVector) v.lanewise(LSHR, 16).and(0xff).sub(128).convertShape(I2F, F, 0))
        .intoArray(w, o + 2 * ROW_BLOCK);
    ((FloatVector) v.lanewise(LSHR, 8).and(0xff).sub(128).convertShape(I2F, F, 0))
        .intoArray(w, o + ROW_BLOCK);
    ((FloatVector) v.lanewise(LSHR, 24).sub(128).convertShape(I2F, F, 0))
        .intoArray(w, o + 3 * ROW_BLOCK);
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    FloatGemm.addBlocks(scratch, x.bytes, block, count / Activations.BLOCK, out, o);
  }
}
