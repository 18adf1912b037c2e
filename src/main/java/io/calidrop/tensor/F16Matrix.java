package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * F16 weights: IEEE half precision.
 *
 * <p>A tile is [pairs of columns][lanes] ints, the even column in the low half. An odd last column
 * is paired with zero.
 */
final class F16Matrix extends TiledMatrix {

  F16Matrix(int rows, int columns, Arena arena) {
    super(rows, columns, Math.ceilDiv(columns, 2L) * VectorShape.BYTES, arena);
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
      long to = (c / 2L * LANES + lane) * Integer.BYTES + c % 2 * Short.BYTES;
      tile.set(SHORT, to, source.get(SHORT, offset + 2L * c));
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    for (int tile = 0; tile < tiles; tile += 2) {
      long p = address + tile * tileBytes();
      dot(p, p + tileBytes(), columns(), x.floats, out, row + tile * LANES);
    }
  }

  /* One addition waits for the one before it, so two tiles are computed side by side. */
  private static void dot(long p, long q, int columns, float[] x, float[] out, int row) {
    FloatVector a = FloatVector.zero(F);
    FloatVector b = a;
    for (int c = 0; c < columns; c += 2) {
      IntVector wa = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
      IntVector wb = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
      p += VectorShape.BYTES;
      q += VectorShape.BYTES;
      FloatVector x0 = IntVector.broadcast(I, Float.floatToRawIntBits(x[c])).reinterpretAsFloats();
      a = Half.low(wa).fma(x0, a);
      b = Half.low(wb).fma(x0, b);
      FloatVector x1 =
          IntVector.broadcast(I, Float.floatToRawIntBits(x[c + 1])).reinterpretAsFloats();
      a = Half.high(wa).fma(x1, a);
      b = Half.high(wb).fma(x1, b);
    }
    a.intoArray(out, row);
    b.intoArray(out, row + LANES);
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    unpack(address + column / 2 * (long) VectorShape.BYTES, count, half * LANES, scratch.floats);
  }

  private static void unpack(long p, int count, int half, float[] w) {
    for (int c = 0; c < count; c += 2, p += VectorShape.BYTES) {
      IntVector pair = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
      Half.low(pair).intoArray(w, c * ROW_BLOCK + half);
      Half.high(pair).intoArray(w, (c + 1) * ROW_BLOCK + half);
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
    FloatGemm.add(
        scratch.floats, x.floats, group * x.floatColumns() + column, count, out, o, stride);
  }
}
