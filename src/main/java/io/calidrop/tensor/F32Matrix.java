package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.ADDRESS;
import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** F32 weights. A tile is [columns][rows]. */
final class F32Matrix extends TiledMatrix {

  F32Matrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns * STEP, arena);
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
      tile.set(INT, (long) c * STEP + lane * 4L, source.get(INT, offset + 4L * c));
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
      for (int c = 0; c < columns; c++) {
        long q = base + (long) c * STEP;
        FloatVector xc =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(x[c])).reinterpretShape(F, 0);
        FloatVector w0 = FloatVector.fromMemorySegment(F, MEMORY, q, LITTLE_ENDIAN);
        FloatVector w1 =
            FloatVector.fromMemorySegment(F, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
        acc0 = w0.fma(xc, acc0);
        acc1 = w1.fma(xc, acc1);
      }
      p += (long) columns * STEP;
      acc0.intoArray(out, row + tile * ROW_BLOCK);
      acc1.intoArray(out, row + tile * ROW_BLOCK + LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    unpack(address + (long) column * STEP, count, half * LANES, scratch.floats);
  }

  private static void unpack(long p, int count, int half, float[] w) {
    for (int c = 0; c < count; c++, p += STEP) {
      FloatVector.fromMemorySegment(F, MEMORY, p, LITTLE_ENDIAN).intoArray(w, c * ROW_BLOCK + half);
    }
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    FloatGemm.add(scratch.floats, x.floats, group * x.floatColumns() + column, count, out, o);
  }
}
