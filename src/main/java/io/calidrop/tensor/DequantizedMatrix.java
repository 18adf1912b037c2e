package io.calidrop.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A matrix of any format, left in the mapped file and dequantised row by row at each product: the
 * exact path, and the float32 oracle for the other kernels.
 */
final class DequantizedMatrix extends Matrix {
  private final WeightFormat format;
  private final MemorySegment data;
  private final long rowBytes;

  DequantizedMatrix(WeightFormat format, MemorySegment data, int rows, int columns) {
    super(rows, columns);
    this.format = format;
    this.data = data;
    this.rowBytes = format.type().bytes(columns);
  }

  @Override
  public int forms(int tokens) {
    return Activations.FLOATS;
  }

  @Override
  public long residentBytes() {
    return 0;
  }

  @Override
  public void multiply(
      Activations x,
      int from,
      int to,
      int first,
      int end,
      float[] out,
      int stride,
      MatMulScratch scratch) {
    float[] row = scratch.row(columns());
    float[] tile = scratch.tile(columns());
    for (int block = from; block < to; block++) {
      for (int r = 0; r < ROW_BLOCK; r++) {
        int index = block * ROW_BLOCK + r;
        if (index < rows()) {
          format.dequantizeRow(data, index * rowBytes, row, 0, columns());
        } else {
          Arrays.fill(row, 0f);
        }
        for (int c = 0; c < columns(); c++) {
          tile[c * ROW_BLOCK + r] = row[c];
        }
      }
      int o = block * ROW_BLOCK;
      if (x.tokens() == 1) {
        FloatGemm.dot(tile, x.floats, columns(), out, o);
      } else {
        float[] sums = scratch.sums(Activations.GROUP * ROW_BLOCK);
        for (int group = first; group < end; group++) {
          Arrays.fill(sums, 0, Activations.GROUP * ROW_BLOCK, 0f);
          FloatGemm.add(tile, x.floats, group * x.floatColumns(), columns(), sums, 0);
          for (int t = 0; t < Activations.GROUP; t++) {
            int at = (group * Activations.GROUP + t) * stride + o;
            System.arraycopy(sums, t * ROW_BLOCK, out, at, ROW_BLOCK);
          }
        }
      }
    }
  }
}
