package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** F32 weights. A tile is [columns][lanes]. */
final class F32Matrix extends TiledMatrix {

  F32Matrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns * VectorShape.BYTES, arena);
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
      tile.set(INT, ((long) c * LANES + lane) * Float.BYTES, source.get(INT, offset + 4L * c));
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
    for (int c = 0; c < columns; c++, p += VectorShape.BYTES, q += VectorShape.BYTES) {
      FloatVector xc = IntVector.broadcast(I, Float.floatToRawIntBits(x[c])).reinterpretAsFloats();
      a = FloatVector.fromMemorySegment(F, MEMORY, p, LITTLE_ENDIAN).fma(xc, a);
      b = FloatVector.fromMemorySegment(F, MEMORY, q, LITTLE_ENDIAN).fma(xc, b);
    }
    a.intoArray(out, row);
    b.intoArray(out, row + LANES);
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    unpack(address + (long) column * VectorShape.BYTES, count, half * LANES, scratch.floats);
  }

  private static void unpack(long p, int count, int half, float[] w) {
    for (int c = 0; c < count; c++, p += VectorShape.BYTES) {
      FloatVector.fromMemorySegment(F, MEMORY, p, LITTLE_ENDIAN).intoArray(w, c * ROW_BLOCK + half);
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
