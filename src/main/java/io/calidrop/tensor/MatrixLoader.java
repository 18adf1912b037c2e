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

  /** Whether the format has kernels of its own; other formats are dequantised at every use. */
  public static boolean hasKernels(GgmlType type) {
    return switch (type) {
      case F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q4_K, Q6_K -> true;
      default -> false;
    };
  }

  /**
   * A matrix that reads {@code data} at every use, which must stay mapped: the exact path, and that
   * of formats without kernels.
   */
  public static Matrix dequantized(GgmlType type, MemorySegment data, int rows, int columns) {
    return new DequantizedMatrix(format(type), data, rows, columns);
  }

  private static WeightFormat format(GgmlType type) {
    return WeightFormat.of(type)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "weight format "
                        + type
                        + " is not supported; supported: "
                        + WeightFormat.supported()));
  }

  /**
   * A matrix repacked from {@code data}, which is not needed afterwards.
   *
   * @throws IllegalArgumentException if the format has no kernels
   */
  public Matrix repacked(GgmlType type, MemorySegment data, int rows, int columns) {
    TiledMatrix matrix =
        switch (type) {
          case F32 -> new F32Matrix(rows, columns, arena);
          case F16 -> new F16Matrix(rows, columns, arena);
          case BF16 -> new BF16Matrix(rows, columns, arena);
          case Q4_0 -> new Q4_0Matrix(rows, columns, arena);
          case Q4_1 -> new Q4_1Matrix(rows, columns, arena);
          case Q8_0 -> new Q8_0Matrix(rows, columns, arena);
          case Q4_K -> new Q4_KMatrix(rows, columns, arena);
          case Q6_K -> new Q6_KMatrix(rows, columns, arena);
          default -> throw new IllegalArgumentException("no kernels for weight format " + type);
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
