package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.ADDRESS;
import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.S;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.B2S;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Q8_0 weights: {@code w = d * q}, q a signed byte.
 *
 * <p>A block of 32 columns is 34 bytes in the file: d as a half precision number, then the bytes. A
 * tile takes blocks in pairs: [16][rows] pairs of bytes of the first, in the order of {@link
 * QuantizedActivations#PAIR_COLUMNS}, [rows] ints of both blocks' d, and the pairs of the second.
 */
final class Q8_0Matrix extends TiledMatrix {
  private static final int FILE_BYTES = 34;
  private static final int BLOCK_BYTES = Activations.BLOCK * ROW_BLOCK;
  private static final int PAIR_BYTES = STEP + 2 * BLOCK_BYTES;

  Q8_0Matrix(int rows, int columns, Arena arena) {
    super(rows, columns, Math.ceilDiv(columns, 2 * Activations.BLOCK) * (long) PAIR_BYTES, arena);
  }

  @Override
  public int forms(int tokens) {
    return tokens == 1 ? Activations.PAIRS : Activations.INTEGERS;
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
      for (int k = 0; k < 16; k++) {
        int column = (k & ~3) + QuantizedActivations.PAIR_COLUMNS[k & 3];
        byte first = source.get(BYTE, from + 2 + column);
        byte second = source.get(BYTE, from + 2 + column + 2);
        tile.set(
            SHORT, to + ((long) k * ROW_BLOCK + lane) * 2, (short) (first & 0xff | second << 8));
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, x.blocks(), x.bytes.pairs, x.bytes.scales, out, row);
  }

  /* Two products of bytes fit a short lane, so each two pairs of columns are widened once. */
  private static void dot(
      long p, int tiles, int blocks, int[] x, float[] scales, float[] out, int row) {
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc0 = FloatVector.zero(F);
      FloatVector acc1 = acc0;
      for (int pair = 0; pair < blocks; pair += 2) {
        long base = p & ADDRESS;
        for (int i = 0; i < 2; i++) {
          int b = pair + i;
          IntVector low0 = IntVector.zero(I);
          IntVector low1 = low0;
          IntVector high0 = low0;
          IntVector high1 = low0;
          for (int j = 0; j < 8; j++) {
            int k = b * 16 + 2 * j;
            long q = base + i * (BLOCK_BYTES + STEP) + j * STEP;
            ShortVector xk = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
            ShortVector w0 =
                (ShortVector)
                    ByteVector.fromMemorySegment(HALF_BYTES, MEMORY, q, LITTLE_ENDIAN)
                        .convertShape(B2S, S, 0);
            ShortVector w1 =
                (ShortVector)
                    ByteVector.fromMemorySegment(HALF_BYTES, MEMORY, q + 2 * LANES, LITTLE_ENDIAN)
                        .convertShape(B2S, S, 0);
            w0 = w0.mul(xk);
            w1 = w1.mul(xk);
            q += VectorShape.BYTES;
            xk = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
            ShortVector v0 =
                (ShortVector)
                    ByteVector.fromMemorySegment(HALF_BYTES, MEMORY, q, LITTLE_ENDIAN)
                        .convertShape(B2S, S, 0);
            ShortVector v1 =
                (ShortVector)
                    ByteVector.fromMemorySegment(HALF_BYTES, MEMORY, q + 2 * LANES, LITTLE_ENDIAN)
                        .convertShape(B2S, S, 0);
            v0 = v0.mul(xk);
            v1 = v1.mul(xk);
            IntVector s0 = (IntVector) w0.add(v0).reinterpretShape(I, 0);
            IntVector s1 = (IntVector) w1.add(v1).reinterpretShape(I, 0);
            low0 = low0.add(s0.lanewise(LSHL, 16).lanewise(ASHR, 16));
            low1 = low1.add(s1.lanewise(LSHL, 16).lanewise(ASHR, 16));
            high0 = high0.add(s0.lanewise(ASHR, 16));
            high1 = high1.add(s1.lanewise(ASHR, 16));
          }
          int shift = 16 - 16 * i;
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
          IntVector sum0 = low0.add(high0);
          IntVector sum1 = low1.add(high1);
          acc0 = ((FloatVector) sum0.convertShape(I2F, F, 0)).fma(d0.mul(factor), acc0);
          acc1 = ((FloatVector) sum1.convertShape(I2F, F, 0)).fma(d1.mul(factor), acc1);
        }
        p += PAIR_BYTES;
      }
      acc0.intoArray(out, row + tile * ROW_BLOCK);
      acc1.intoArray(out, row + tile * ROW_BLOCK + LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    // The address is that of a vector of ints, and so is that of the scales; bytes are half as
    // long.
    unpack(
        address - half * 2L * LANES + column / (2 * Activations.BLOCK) * (long) PAIR_BYTES,
        count / Activations.BLOCK,
        half * LANES,
        scratch.floats,
        scratch.scales);
  }

  private static void unpack(long p, int blocks, int half, float[] w, float[] scales) {
    for (int b = 0; b < blocks; b++) {
      IntVector ds =
          IntVector.fromMemorySegment(
              I, MEMORY, p + (b / 2) * (long) PAIR_BYTES + BLOCK_BYTES + 2 * half, LITTLE_ENDIAN);
      Half.low(ds.lanewise(LSHR, b % 2 * 16)).intoArray(scales, b * ROW_BLOCK + half);
      long q = p + (b / 2) * (long) PAIR_BYTES + b % 2 * (BLOCK_BYTES + STEP);
      for (int k = 0; k < 16; k++) {
        IntVector s =
            (IntVector)
                ((ShortVector)
                        ByteVector.fromMemorySegment(
                                HALF_BYTES, MEMORY, q + k * VectorShape.BYTES, LITTLE_ENDIAN)
                            .convertShape(B2S, S, 0))
                    .reinterpretShape(I, 0);
        int column = b * Activations.BLOCK + (k & ~3) + QuantizedActivations.PAIR_COLUMNS[k & 3];
        ((FloatVector) s.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
            .intoArray(w, column * ROW_BLOCK + half);
        ((FloatVector) s.lanewise(ASHR, 16).convertShape(I2F, F, 0))
            .intoArray(w, (column + 2) * ROW_BLOCK + half);
      }
    }
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch,
      Activations x,
      int group,
      int column,
      int count,
      float[] out,
      int o,
      int stride) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    FloatGemm.addBlocks(scratch, x.bytes, block, count / Activations.BLOCK, out, o, stride);
  }
}
