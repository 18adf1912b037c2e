package io.calidrop.tensor;

import java.lang.foreign.MemorySegment;

/** The 6-bit scales and minima of Q4_K and Q5_K super-blocks: eight of each in twelve bytes. */
final class KScales {
  private KScales() {}

  /** Scale of block {@code i} in 0..7. */
  static int scale(MemorySegment source, long offset, int i) {
    return i < 4
        ? at(source, offset, i) & 63
        : at(source, offset, i + 4) & 15 | (at(source, offset, i - 4) >> 6) << 4;
  }

  /** Minimum of block {@code i} in 0..7. */
  static int min(MemorySegment source, long offset, int i) {
    return i < 4
        ? at(source, offset, i + 4) & 63
        : at(source, offset, i + 4) >> 4 | (at(source, offset, i) >> 6) << 4;
  }

  /**
   * Writes a row's scales of four blocks as an int of a tile and their minima as the one below.
   *
   * @param half which four blocks, 0 or 1
   */
  static void repack(MemorySegment source, long offset, int half, MemorySegment tile, long to) {
    int scales = 0;
    int minima = 0;
    for (int i = 0; i < 4; i++) {
      scales |= scale(source, offset, half * 4 + i) << 8 * i;
      minima |= min(source, offset, half * 4 + i) << 8 * i;
    }
    tile.set(TiledMatrix.INT, to, scales);
    tile.set(TiledMatrix.INT, to + TiledMatrix.STEP, minima);
  }

  private static int at(MemorySegment source, long offset, int i) {
    return source.get(TiledMatrix.BYTE, offset + i) & 0xff;
  }
}
