package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.attention.RowPacker.GROUP;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Products of a quad of queries with a block of packed rows whose codes were decoded once for many
 * quads. The order of operations is that of {@link PackedScores} and {@link PackedSums}.
 */
final class DecodedRows {
  private DecodedRows() {}

  /**
   * Scores of a block of keys.
   *
   * @param codes [groups][BLOCK / TILE][dimensions of the group][TILE]
   * @param scales [groups][BLOCK] of the rows
   * @param queries holds [dim][4] at {@code q}
   * @param scores [4][BLOCK], overwritten
   */
  static void scores(
      float[] codes, float[] scales, int dim, float[] queries, int q, float[] scores) {
    for (int s = 0; s < BLOCK; s += KeyRows.TILE) {
      FloatVector c0 = FloatVector.zero(F);
      FloatVector d0 = c0;
      FloatVector c1 = c0;
      FloatVector d1 = c0;
      FloatVector c2 = c0;
      FloatVector d2 = c0;
      FloatVector c3 = c0;
      FloatVector d3 = c0;
      for (int first = 0; first < dim; first += GROUP) {
        int dims = Math.min(GROUP, dim - first);
        int k = first * BLOCK + s * dims;
        int x = q + first * QUAD;
        FloatVector a0 = FloatVector.zero(F);
        FloatVector b0 = a0;
        FloatVector a1 = a0;
        FloatVector b1 = a0;
        FloatVector a2 = a0;
        FloatVector b2 = a0;
        FloatVector a3 = a0;
        FloatVector b3 = a0;
        for (int d = 0; d < dims; d++) {
          FloatVector low = FloatVector.fromArray(F, codes, k + d * KeyRows.TILE);
          FloatVector high = FloatVector.fromArray(F, codes, k + d * KeyRows.TILE + LANES);
          FloatVector x0 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(queries[x + 4 * d]))
                      .reinterpretShape(F, 0);
          a0 = low.fma(x0, a0);
          b0 = high.fma(x0, b0);
          FloatVector x1 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(queries[x + 4 * d + 1]))
                      .reinterpretShape(F, 0);
          a1 = low.fma(x1, a1);
          b1 = high.fma(x1, b1);
          FloatVector x2 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(queries[x + 4 * d + 2]))
                      .reinterpretShape(F, 0);
          a2 = low.fma(x2, a2);
          b2 = high.fma(x2, b2);
          FloatVector x3 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(queries[x + 4 * d + 3]))
                      .reinterpretShape(F, 0);
          a3 = low.fma(x3, a3);
          b3 = high.fma(x3, b3);
        }
        int scale = first / GROUP * BLOCK + s;
        FloatVector low = FloatVector.fromArray(F, scales, scale);
        FloatVector high = FloatVector.fromArray(F, scales, scale + LANES);
        c0 = low.mul(a0).add(c0);
        d0 = high.mul(b0).add(d0);
        c1 = low.mul(a1).add(c1);
        d1 = high.mul(b1).add(d1);
        c2 = low.mul(a2).add(c2);
        d2 = high.mul(b2).add(d2);
        c3 = low.mul(a3).add(c3);
        d3 = high.mul(b3).add(d3);
      }
      c0.intoArray(scores, s);
      d0.intoArray(scores, s + LANES);
      c1.intoArray(scores, s + BLOCK);
      d1.intoArray(scores, s + BLOCK + LANES);
      c2.intoArray(scores, s + 2 * BLOCK);
      d2.intoArray(scores, s + 2 * BLOCK + LANES);
      c3.intoArray(scores, s + 3 * BLOCK);
      d3.intoArray(scores, s + 3 * BLOCK + LANES);
    }
  }

  /**
   * Adds weighted sums of a group of dimensions of {@code count} values.
   *
   * @param codes [BLOCK][dims] at {@code from}
   * @param weights [4][BLOCK], the rows' scales in them
   * @param unit what a decoded code is multiplied by
   * @param out holds [4][dim] at {@code o}
   */
  static void addSums(
      float[] codes,
      int from,
      int dims,
      int count,
      float[] weights,
      float unit,
      float[] out,
      int o,
      int dim) {
    for (int c = 0; c < dims; c += 2 * LANES, o += 2 * LANES) {
      FloatVector a0 = FloatVector.zero(F);
      FloatVector b0 = a0;
      FloatVector a1 = a0;
      FloatVector b1 = a0;
      FloatVector a2 = a0;
      FloatVector b2 = a0;
      FloatVector a3 = a0;
      FloatVector b3 = a0;
      int v = from + c;
      for (int s = 0; s < count; s++, v += dims) {
        FloatVector low = FloatVector.fromArray(F, codes, v);
        FloatVector high = FloatVector.fromArray(F, codes, v + LANES);
        FloatVector x0 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[s])).reinterpretShape(F, 0);
        a0 = low.fma(x0, a0);
        b0 = high.fma(x0, b0);
        FloatVector x1 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[s + BLOCK]))
                    .reinterpretShape(F, 0);
        a1 = low.fma(x1, a1);
        b1 = high.fma(x1, b1);
        FloatVector x2 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[s + 2 * BLOCK]))
                    .reinterpretShape(F, 0);
        a2 = low.fma(x2, a2);
        b2 = high.fma(x2, b2);
        FloatVector x3 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[s + 3 * BLOCK]))
                    .reinterpretShape(F, 0);
        a3 = low.fma(x3, a3);
        b3 = high.fma(x3, b3);
      }
      FloatVector units = FloatVector.broadcast(F, unit);
      int second = o + dim;
      int third = second + dim;
      int fourth = third + dim;
      a0.fma(units, FloatVector.fromArray(F, out, o)).intoArray(out, o);
      b0.fma(units, FloatVector.fromArray(F, out, o + LANES)).intoArray(out, o + LANES);
      a1.fma(units, FloatVector.fromArray(F, out, second)).intoArray(out, second);
      b1.fma(units, FloatVector.fromArray(F, out, second + LANES)).intoArray(out, second + LANES);
      a2.fma(units, FloatVector.fromArray(F, out, third)).intoArray(out, third);
      b2.fma(units, FloatVector.fromArray(F, out, third + LANES)).intoArray(out, third + LANES);
      a3.fma(units, FloatVector.fromArray(F, out, fourth)).intoArray(out, fourth);
      b3.fma(units, FloatVector.fromArray(F, out, fourth + LANES)).intoArray(out, fourth + LANES);
    }
  }
}
