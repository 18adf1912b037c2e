package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.ADDRESS;
import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.B;
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
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * IQ4_NL weights, {@code w = d * VALUES[q]}, and IQ4_XS weights, {@code w = d * scale * VALUES[q]}
 * with a scale for each 32 columns; q in 0..15, see {@link NonLinearBlocks#VALUES}.
 *
 * <p>A run of columns under one d is a block of 32 (18 bytes in the file) or a super-block of 256
 * (136 bytes). In a tile it is [5][rows] or [35][rows] ints: for each block of 32 columns four of
 * nibbles, see {@link PairBits}; after the first block d as float32; in IQ4_XS four scales after d
 * and after the fifth block.
 */
final class IQ4Matrix extends BlockMatrix {
  private static final VectorSpecies<Byte> B = ByteVector.SPECIES_PREFERRED;

  /** What the table is shifted by, so that its values are unsigned bytes. */
  private static final short CENTER = 128;

  static final byte[] TABLE = new byte[B.length()];
  private static final int D = 4 * STEP;
  private static final int[] NIBBLES = {0x0f0f0f0f};
  private static final int[] BYTES = {0x00ff00ff};

  static {
    for (int i = 0; i < TABLE.length; i++) {
      TABLE[i] = (byte) (NonLinearBlocks.VALUES[i % 16] + CENTER);
    }
  }

  private final boolean scaled;
  private final int runBlocks;
  private final int runBytes;

  /** Where the nibbles of block {@code i} of a run begin. */
  private static final int[] NIBBLES_AT = offsets(i -> 4 * i + (i + 7 >> 3) + (i + 3 >> 2));

  /** Where the nibbles of block {@code i} begin in IQ4_NL. */
  private static final int[] SINGLE_AT = offsets(i -> 5 * i);

  /** Where the scales of block {@code i} of a run are. */
  private static final int[] SCALES_AT = offsets(i -> 5 + 17 * (i >> 2));

  /**
   * @param scaled whether the format is IQ4_XS
   */
  IQ4Matrix(boolean scaled, int rows, int columns, Arena arena) {
    int runBlocks = scaled ? 8 : 1;
    int runBytes = (scaled ? 35 : 5) * STEP;
    long bytes = (long) columns / Activations.BLOCK / runBlocks * runBytes;
    super(rows, columns, 8 / runBlocks * runBytes, bytes, arena);
    this.scaled = scaled;
    this.runBlocks = runBlocks;
    this.runBytes = runBytes;
  }

  @Override
  public int forms(int tokens) {
    int few = HalfTables.USED ? Activations.PAIRS : Activations.TRIPLES;
    return tokens <= streamed() ? few : Activations.INTEGERS;
  }

  @Override
  int unpackedColumns() {
    return scaled ? 256 : FloatGemm.COLUMNS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    byte[] q = new byte[Activations.BLOCK];
    for (int run = 0; run < columns() / Activations.BLOCK / runBlocks; run++) {
      long to = (long) run * runBytes + lane * 4L;
      float d = Float.float16ToFloat(source.get(SHORT, offset));
      tile.set(INT, to + D, Float.floatToRawIntBits(d));
      if (scaled) {
        for (int b = 0; b < runBlocks; b += 4) {
          int scales = 0;
          for (int i = 0; i < 4; i++) {
            scales |= (NonLinearBlocks.scale(source, offset, b + i) & 0xff) << 8 * i;
          }
          tile.set(INT, to + SCALES_AT[b], scales);
        }
      }
      offset += scaled ? 8 : 2;
      for (int b = 0; b < runBlocks; b++, offset += 16) {
        for (int i = 0; i < q.length; i++) {
          q[i] = (byte) NonLinearBlocks.quant(source, offset, i);
        }
        for (int k = 0; k < 4; k++) {
          int nibbles = PairBits.pack(q, 0, 4 * k, 0, 4);
          long at = (long) run * runBytes + NIBBLES_AT[b] + k * STEP;
          if (HalfTables.USED) {
            HalfTables.pack(nibbles, tile, at, lane);
          } else {
            tile.set(INT, at + lane * 4L, nibbles);
          }
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    int runs = columns() / Activations.BLOCK / runBlocks;
    if (HalfTables.USED) {
      HalfTables.dot(
          address, NIBBLES_AT, SCALES_AT, D, runBytes, tiles, runs, runBlocks, x.bytes, out, row);
      return;
    }
    dot(address, tiles, runs, runBlocks, x.bytes.triples, x.bytes.scales, out, row);
  }

  /* A lane of ints adds pairs of sums of two products as they are, and the higher ones again by themselves:
   * one shift for two products, where each half by itself takes three; see triples. */
  private static void dot(
      long p, int tiles, int runs, int runBlocks, int[] x, float[] scales, float[] out, int row) {
    ByteVector table = ByteVector.fromArray(B, TABLE, 0);
    IntVector nibbles = IntVector.broadcast(I, NIBBLES[0]);
    IntVector bytes = IntVector.broadcast(I, BYTES[0]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc0 = FloatVector.zero(F);
      FloatVector acc1 = acc0;
      for (int run = 0; run < runs; run++) {
        long base = p & ADDRESS;
        for (int i = 0; i < runBlocks; i++) {
          int b = run * runBlocks + i;
          long q = base + NIBBLES_AT[i] & ADDRESS;
          IntVector a0 = IntVector.zero(I);
          IntVector a0High = a0;
          IntVector b0 = a0;
          IntVector b0High = a0;
          for (int j = 0; j < 4; j++) {
            int k = b * 24 + 2 * j;
            long at = q + j * STEP;
            IntVector qa = IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN);
            IntVector qb =
                IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN);
            IntVector va =
                (IntVector)
                    ((ByteVector) qa.and(nibbles).reinterpretShape(B, 0))
                        .selectFrom(table)
                        .reinterpretShape(I, 0);
            IntVector vb =
                (IntVector)
                    ((ByteVector) qb.and(nibbles).reinterpretShape(B, 0))
                        .selectFrom(table)
                        .reinterpretShape(I, 0);
            ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
            ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[k + 8]).reinterpretShape(S, 0);
            ShortVector offset =
                (ShortVector) IntVector.broadcast(I, x[k + 16]).reinterpretShape(S, 0);
            ShortVector w = (ShortVector) va.reinterpretShape(S, 0);
            IntVector s =
                (IntVector)
                    x0.mul(w)
                        .add(
                            x1.mul(
                                (ShortVector)
                                    va.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0)))
                        .add(offset)
                        .reinterpretShape(I, 0);
            a0 = a0.add(s);
            a0High = a0High.add(s.lanewise(ASHR, 16));
            w = (ShortVector) vb.reinterpretShape(S, 0);
            s =
                (IntVector)
                    x0.mul(w)
                        .add(
                            x1.mul(
                                (ShortVector)
                                    vb.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0)))
                        .add(offset)
                        .reinterpretShape(I, 0);
            b0 = b0.add(s);
            b0High = b0High.add(s.lanewise(ASHR, 16));

            va =
                (IntVector)
                    ((ByteVector) qa.lanewise(LSHR, 4).and(nibbles).reinterpretShape(B, 0))
                        .selectFrom(table)
                        .reinterpretShape(I, 0);
            vb =
                (IntVector)
                    ((ByteVector) qb.lanewise(LSHR, 4).and(nibbles).reinterpretShape(B, 0))
                        .selectFrom(table)
                        .reinterpretShape(I, 0);
            x0 = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
            x1 = (ShortVector) IntVector.broadcast(I, x[k + 9]).reinterpretShape(S, 0);
            offset = (ShortVector) IntVector.broadcast(I, x[k + 17]).reinterpretShape(S, 0);
            w = (ShortVector) va.reinterpretShape(S, 0);
            s =
                (IntVector)
                    x0.mul(w)
                        .add(
                            x1.mul(
                                (ShortVector)
                                    va.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0)))
                        .add(offset)
                        .reinterpretShape(I, 0);
            a0 = a0.add(s);
            a0High = a0High.add(s.lanewise(ASHR, 16));
            w = (ShortVector) vb.reinterpretShape(S, 0);
            s =
                (IntVector)
                    x0.mul(w)
                        .add(
                            x1.mul(
                                (ShortVector)
                                    vb.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0)))
                        .add(offset)
                        .reinterpretShape(I, 0);
            b0 = b0.add(s);
            b0High = b0High.add(s.lanewise(ASHR, 16));
          }
          FloatVector factor = FloatVector.broadcast(F, scales[b]);
          FloatVector scale0 =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, base + D, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);
          FloatVector scale1 =
              (FloatVector)
                  IntVector.fromMemorySegment(
                          I, MEMORY, base + D + VectorShape.BYTES, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);
          if (runBlocks > 1) {
            long at = base + SCALES_AT[i] & ADDRESS;
            int shift = 24 - 8 * (i & 3);
            scale0 =
                scale0.mul(
                    IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
                        .lanewise(LSHL, shift)
                        .lanewise(ASHR, 24)
                        .convertShape(I2F, F, 0));
            scale1 =
                scale1.mul(
                    IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                        .lanewise(LSHL, shift)
                        .lanewise(ASHR, 24)
                        .convertShape(I2F, F, 0));
          }
          IntVector sum0 =
              a0.sub(a0High.lanewise(LSHL, 16))
                  .add(a0High)
                  .sub(QuantizedActivations.TRIPLES_OFFSET);
          IntVector sum1 =
              b0.sub(b0High.lanewise(LSHL, 16))
                  .add(b0High)
                  .sub(QuantizedActivations.TRIPLES_OFFSET);
          acc0 = ((FloatVector) sum0.convertShape(I2F, F, 0)).fma(scale0.mul(factor), acc0);
          acc1 = ((FloatVector) sum1.convertShape(I2F, F, 0)).fma(scale1.mul(factor), acc1);
        }
        p += (runBlocks == 1 ? 5 : 35) * STEP;
      }
      acc0.intoArray(out, row + tile * ROW_BLOCK);
      acc1.intoArray(out, row + tile * ROW_BLOCK + LANES);
    }
  }

  @Override
  QuantizedActivations input(Activations x) {
    return x.bytes;
  }

  @Override
  int sums(long run, int blocks, QuantizedActivations x, int block, int tokens, float[] sums) {
    for (int t = 0; t < tokens; t += 2) {
      int[] at = scaled ? NIBBLES_AT : SINGLE_AT;
      if (HalfTables.USED) {
        HalfTables.two(run, at, blocks, x.pairs, block, t, sums);
      } else {
        TableSums.two(run, at, blocks, x.triples, block, t, sums);
      }
    }
    return 0;
  }

  @Override
  void unpackScales(long run, int blocks, MatMulScratch scratch, int o) {
    for (int i = 0; i < blocks; i++) {
      FloatVector d =
          (FloatVector)
              IntVector.fromMemorySegment(
                      I, MEMORY, run + (scaled ? 0 : SINGLE_AT[i]) + D, LITTLE_ENDIAN)
                  .reinterpretShape(F, 0);
      if (scaled) {
        d =
            d.mul(
                IntVector.fromMemorySegment(I, MEMORY, run + SCALES_AT[i], LITTLE_ENDIAN)
                    .lanewise(LSHL, 24 - 8 * (i & 3))
                    .lanewise(ASHR, 24)
                    .convertShape(I2F, F, 0));
      }
      d.intoArray(scratch.scales, o + i * ROW_BLOCK);
      FloatVector.zero(F).intoArray(scratch.minima, o + i * ROW_BLOCK);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    int run = column / Activations.BLOCK / runBlocks;
    int runs = count / Activations.BLOCK / runBlocks;
    long p = address + (long) run * runBytes;
    unpack(p, runs, runBlocks, half * LANES, scratch.floats, scratch.scales);
  }

  private static void unpack(long p, int runs, int runBlocks, int half, float[] w, float[] scales) {
    ByteVector table = ByteVector.fromArray(B, TABLE, 0);
    IntVector nibbles = IntVector.broadcast(I, NIBBLES[0]);
    for (int run = 0; run < runs; run++) {
      FloatVector d =
          (FloatVector)
              IntVector.fromMemorySegment(I, MEMORY, p + D, LITTLE_ENDIAN).reinterpretShape(F, 0);
      for (int i = 0; i < runBlocks; i++) {
        int b = run * runBlocks + i;
        FloatVector scale = d;
        if (runBlocks > 1) {
          scale =
              d.mul(
                  IntVector.fromMemorySegment(I, MEMORY, p + SCALES_AT[i], LITTLE_ENDIAN)
                      .lanewise(LSHL, 24 - 8 * (i & 3))
                      .lanewise(ASHR, 24)
                      .convertShape(I2F, F, 0));
        }
        scale.intoArray(scales, b * ROW_BLOCK + half);
        if (HalfTables.USED) {
          HalfTables.unpack(p + NIBBLES_AT[i], w, b * Activations.BLOCK * ROW_BLOCK + half);
          continue;
        }
        for (int k = 0; k < 16; k++) {
          IntVector index =
              IntVector.fromMemorySegment(
                      I, MEMORY, p + NIBBLES_AT[i] + (k >> 2) * STEP, LITTLE_ENDIAN)
                  .lanewise(LSHR, 4 * (k & 3))
                  .and(nibbles);
          IntVector v =
              (IntVector)
                  ((ByteVector) index.reinterpretShape(B, 0))
                      .selectFrom(table)
                      .reinterpretShape(I, 0);
          int column = b * Activations.BLOCK + (k & ~3) + QuantizedActivations.PAIR_COLUMNS[k & 3];
          ((FloatVector) v.and(0xff).sub(CENTER).convertShape(I2F, F, 0))
              .intoArray(w, column * ROW_BLOCK + half);
          ((FloatVector) v.lanewise(LSHR, 16).and(0xff).sub(CENTER).convertShape(I2F, F, 0))
              .intoArray(w, (column + 2) * ROW_BLOCK + half);
        }
      }
      p += (runBlocks == 1 ? 5 : 35) * STEP;
    }
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    FloatGemm.addBlocks(scratch, x.bytes, block, count / Activations.BLOCK, out, o);
  }
}
