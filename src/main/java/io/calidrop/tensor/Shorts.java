package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.TiledMatrix.STEP;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Unpacks blocks of 32 columns of a tile to shorts less the center of their range, the form in
 * which {@link MatMulScratch#shorts} holds them: a lane is a row, the even ones of the tile's first
 * vector, the odd ones of its second.
 */
final class Shorts {
  private static final short FIFTH_CENTER = 16;

  /** From a column to the next one. */
  private static final int COLUMN = 4 * LANES;

  private Shorts() {}

  /**
   * Four-bit weights.
   *
   * @param address of four ints of nibbles for each row, see {@link PairBits}
   * @param o index of the first column's first row
   */
  static void nibbles(long address, short[] w, int o) {
    IntVector low = IntVector.broadcast(I, 0xf);
    IntVector high = IntVector.broadcast(I, 0xf0000);
    for (int j = 0; j < 4; j++, address += STEP) {
      IntVector a = IntVector.fromMemorySegment(I, MEMORY, address, LITTLE_ENDIAN);
      IntVector b =
          IntVector.fromMemorySegment(I, MEMORY, address + VectorShape.BYTES, LITTLE_ENDIAN);
      for (int i = 0; i < 4; i++) {
        int at = o + (4 * j + QuantizedActivations.PAIR_COLUMNS[i]) * COLUMN;
        IntVector first =
            a.lanewise(LSHR, 4 * i).and(low).or(b.lanewise(LSHL, 16 - 4 * i).and(high));
        IntVector second =
            a.lanewise(LSHR, 16 + 4 * i).and(low).or(b.lanewise(LSHR, 4 * i).and(high));
        ((ShortVector) first.reinterpretShape(S, 0)).sub(NibbleGemm.CENTER).intoArray(w, at);
        ((ShortVector) second.reinterpretShape(S, 0))
            .sub(NibbleGemm.CENTER)
            .intoArray(w, at + 2 * COLUMN);
      }
    }
  }

  /**
   * Five-bit weights.
   *
   * @param address of five ints for each row, see {@link PairBits#fields}
   * @param o index of the first column's first row
   */
  static void fifths(long address, short[] w, int o) {
    IntVector low = IntVector.broadcast(I, 0x1f);
    IntVector high = IntVector.broadcast(I, 0x1f0000);
    IntVector lastBits = IntVector.broadcast(I, 0x80008000);
    IntVector lastA = IntVector.zero(I);
    IntVector lastB = lastA;
    for (int j = 0; j < 5; j++, address += STEP) {
      IntVector a = IntVector.fromMemorySegment(I, MEMORY, address, LITTLE_ENDIAN);
      IntVector b =
          IntVector.fromMemorySegment(I, MEMORY, address + VectorShape.BYTES, LITTLE_ENDIAN);
      for (int i = 0; i < 3; i++) {
        int at = o + QuantizedActivations.pairColumn(3 * j + i) * COLUMN;
        IntVector first =
            a.lanewise(LSHR, 5 * i).and(low).or(b.lanewise(LSHL, 16 - 5 * i).and(high));
        IntVector second =
            a.lanewise(LSHR, 16 + 5 * i).and(low).or(b.lanewise(LSHR, 5 * i).and(high));
        ((ShortVector) first.reinterpretShape(S, 0)).sub(FIFTH_CENTER).intoArray(w, at);
        ((ShortVector) second.reinterpretShape(S, 0))
            .sub(FIFTH_CENTER)
            .intoArray(w, at + 2 * COLUMN);
      }
      lastA = a.and(lastBits).or(lastA.lanewise(LSHR, 1));
      lastB = b.and(lastBits).or(lastB.lanewise(LSHR, 1));
    }
    int at = o + QuantizedActivations.pairColumn(15) * COLUMN;
    IntVector first = lastA.lanewise(LSHR, 11).and(low).or(lastB.lanewise(LSHL, 5).and(high));
    IntVector second = lastA.lanewise(LSHR, 27).or(lastB.lanewise(LSHR, 11).and(high));
    ((ShortVector) first.reinterpretShape(S, 0)).sub(FIFTH_CENTER).intoArray(w, at);
    ((ShortVector) second.reinterpretShape(S, 0)).sub(FIFTH_CENTER).intoArray(w, at + 2 * COLUMN);
  }
}
