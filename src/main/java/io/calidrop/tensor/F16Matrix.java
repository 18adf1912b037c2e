package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.ADDRESS;
import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * F16 weights: IEEE half precision.
 *
 * <p>A tile is [pairs of columns][rows] ints, the even column in the low half. An odd last column
 * is paired with zero.
 */
final class F16Matrix extends TiledMatrix {

  F16Matrix(int rows, int columns, Arena arena) {
    super(rows, columns, Math.ceilDiv(columns, 2L) * STEP, arena);
  }

  @Override
  public int forms(int tokens) {
    return Activations.FLOATS;
  }

  @Override
  int unpackedColumns() {
    return FloatGemm.COLUMNS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    for (int c = 0; c < columns(); c++) {
      long to = c / 2L * STEP + lane * 4L + c % 2 * Short.BYTES;
      tile.set(SHORT, to, source.get(SHORT, offset + 2L * c));
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns(), x.floats, out, row);
  }

  private static void dot(long p, int tiles, int columns, float[] x, float[] out, int row) {
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc0 = FloatVector.zero(F);
      FloatVector acc1 = acc0;
      long base = p & ADDRESS;
      for (int c = 0; c < columns; c += 2) {
        long q = base + (long) (c / 2) * STEP;
        FloatVector xc =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(x[c])).reinterpretShape(F, 0);
        IntVector w0 = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
        IntVector w1 = IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
        FloatVector v0 =
            ((FloatVector)
                    w0.lanewise(LSHL, 16)
                        .lanewise(ASHR, 3)
                        .and(Half.SIGN_EXPONENT_MANTISSA)
                        .reinterpretShape(F, 0))
                .mul(Half.BIAS);
        FloatVector v1 =
            ((FloatVector)
                    w1.lanewise(LSHL, 16)
                        .lanewise(ASHR, 3)
                        .and(Half.SIGN_EXPONENT_MANTISSA)
                        .reinterpretShape(F, 0))
                .mul(Half.BIAS);
        acc0 = v0.fma(xc, acc0);
        acc1 = v1.fma(xc, acc1);
        xc =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(x[c + 1])).reinterpretShape(F, 0);
        v0 =
            ((FloatVector)
                    w0.lanewise(ASHR, 3).and(Half.SIGN_EXPONENT_MANTISSA).reinterpretShape(F, 0))
                .mul(Half.BIAS);
        v1 =
            ((FloatVector)
                    w1.lanewise(ASHR, 3).and(Half.SIGN_EXPONENT_MANTISSA).reinterpretShape(F, 0))
                .mul(Half.BIAS);
        acc0 = v0.fma(xc, acc0);
        acc1 = v1.fma(xc, acc1);
      }
      p += (long) Math.ceilDiv(columns, 2) * STEP;
      acc0.intoArray(out, row + tile * ROW_BLOCK);
      acc1.intoArray(out, row + tile * ROW_BLOCK + LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    unpack(address + column / 2 * (long) STEP, count, half * LANES, scratch.floats);
  }

  private static void unpack(long p, int count, int half, float[] w) {
    for (int c = 0; c < count; c += 2, p += STEP) {
      IntVector pair = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
      Half.low(pair).intoArray(w, c * ROW_BLOCK + half);
      Half.high(pair).intoArray(w, (c + 1) * ROW_BLOCK + half);
    }
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    FloatGemm.add(scratch.floats, x.floats, group * x.floatColumns() + column, count, out, o);
  }
}
