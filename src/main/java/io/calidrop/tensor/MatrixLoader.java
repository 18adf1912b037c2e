package io.calidrop.tensor;

import io.calidrop.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Makes matrices out of tensors, repacking them on all threads. */
public final class MatrixLoader {
  private static final int PARTS_PER_THREAD = 4;

  private final Arena arena;
  private final WorkerPool pool;

  /**
   * @param arena what repacked weights live in
   */
  public MatrixLoader(Arena arena, WorkerPool pool) {
    this.arena = arena;
    this.pool = pool;
  }

  /** A matrix that reads {@code data} at every use, which must stay mapped: the exact path. */
  public static Matrix dequantized(GgmlType type, MemorySegment data, int rows, int columns) {
    return new DequantizedMatrix(
        WeightFormat.of(type).orElseThrow(() -> unsupported(type)), data, rows, columns);
  }

  private static IllegalArgumentException unsupported(GgmlType type) {
    return new IllegalArgumentException(
        "weight format " + type + " is not supported; supported: " + WeightFormat.supported());
  }

  /**
   * A matrix repacked from {@code data}, which is not needed afterwards.
   *
   * @throws IllegalArgumentException if the format is not supported
   */
  public Matrix repacked(GgmlType type, MemorySegment data, int rows, int columns) {
    TiledMatrix matrix =
        switch (type) {
          case F32 -> new F32Matrix(rows, columns, arena);
          case F16 -> new F16Matrix(rows, columns, arena);
          case BF16 -> new BF16Matrix(rows, columns, arena);
          case Q4_0 -> new Q4_0Matrix(rows, columns, arena);
          case Q4_1 -> new Q4_1Matrix(rows, columns, arena);
          case Q5_0 -> new Q5Matrix(false, rows, columns, arena);
          case Q5_1 -> new Q5Matrix(true, rows, columns, arena);
          case Q8_0 -> new Q8_0Matrix(rows, columns, arena);
          case Q2_K -> new Q2_KMatrix(rows, columns, arena);
          case Q3_K -> new Q3_KMatrix(rows, columns, arena);
          case Q4_K -> new Q4_KMatrix(rows, columns, arena);
          case Q5_K -> new Q5_KMatrix(rows, columns, arena);
          case Q6_K -> new Q6_KMatrix(rows, columns, arena);
          case IQ4_NL -> new IQ4Matrix(false, rows, columns, arena);
          case IQ4_XS -> new IQ4Matrix(true, rows, columns, arena);
          default -> throw unsupported(type);
        };
    long rowBytes = type.bytes(columns);
    int blocks = matrix.rowBlocks();
    int parts = Math.min(blocks, pool.threads() * PARTS_PER_THREAD);
    pool.run(
        (part, worker) ->
            matrix.repack(
                data,
                rowBytes,
                (int) ((long) blocks * part / parts),
                (int) ((long) blocks * (part + 1) / parts)),
        parts);
    return matrix;
  }
}
