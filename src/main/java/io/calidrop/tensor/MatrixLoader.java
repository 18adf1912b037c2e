package io.calidrop.tensor;

import io.calidrop.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Makes matrices out of tensors, repacking them on all threads. For one thread at a time. */
public final class MatrixLoader {
  /** A tensor's data, in the file's layout. */
  @FunctionalInterface
  public interface Source {
    /** Part of the data, which lives until the arena is closed. */
    MemorySegment map(long offset, long bytes, Arena arena);
  }

  private static final int PARTS_PER_THREAD = 4;

  /** Of a tensor mapped at a time, so that its two forms never both count as resident. */
  private static final long CHUNK_BYTES = 16L << 20;

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
   * A matrix repacked from a tensor's data, which is not needed afterwards.
   *
   * @throws IllegalArgumentException if the format is not supported
   */
  public Matrix repacked(GgmlType type, Source source, int rows, int columns) {
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
          case IQ4_NL -> IQ4Matrix.of(false, rows, columns, arena);
          case IQ4_XS -> IQ4Matrix.of(true, rows, columns, arena);
          default -> throw unsupported(type);
        };
    long rowBytes = type.bytes(columns);
    int chunk = (int) Math.max(1, CHUNK_BYTES / (rowBytes * Matrix.ROW_BLOCK));
    for (int block = 0; block < matrix.rowBlocks(); block += chunk) {
      int first = block * Matrix.ROW_BLOCK;
      int count = Math.min(chunk * Matrix.ROW_BLOCK, rows - first);
      try (Arena mapping = Arena.ofShared()) {
        MemorySegment data = source.map(first * rowBytes, count * rowBytes, mapping);
        repack(matrix, data, block, Math.ceilDiv(count, Matrix.ROW_BLOCK), rowBytes);
      }
    }
    return matrix;
  }

  /** As {@link #repacked(GgmlType, Source, int, int)}, from data in memory. */
  public Matrix repacked(GgmlType type, MemorySegment data, int rows, int columns) {
    return repacked(type, (offset, bytes, part) -> data.asSlice(offset, bytes), rows, columns);
  }

  private void repack(TiledMatrix matrix, MemorySegment data, int from, int blocks, long rowBytes) {
    int parts = Math.min(blocks, pool.threads() * PARTS_PER_THREAD);
    pool.run(
        (part, worker) ->
            matrix.repack(
                data,
                from * Matrix.ROW_BLOCK,
                rowBytes,
                from + (int) ((long) blocks * part / parts),
                from + (int) ((long) blocks * (part + 1) / parts)),
        parts);
  }
}
