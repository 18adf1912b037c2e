package io.calidrop.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MatMulTest {
  private static final int COLUMNS = 64;

  @ParameterizedTest
  @CsvSource({
    "32, 256, 1, 1", // nobody to share with
    "32, 256, 2, 1", // comes out even
    "9, 256, 2, 2", // one thread would have five of nine
    "9, 256, 8, 8",
    "32, 256, 16, 4",
    "256, 256, 16, 1",
    "9, 48, 8, 1", // too few tokens
    "9, 64, 8, 2",
  })
  void fewRowBlocksForManyThreadsSplitTheTokens(int units, int tokens, int threads, int splits) {
    assertThat(MatMul.splits(units, tokens, threads)).isEqualTo(splits);
  }

  @Test
  void productsAreTheSameForAnyNumberOfThreads() {
    int rows = 5 * Matrix.ROW_BLOCK;
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1)) {
      Random random = new Random(4);
      MemorySegment data = arena.allocate(GgmlType.F32.bytes((long) rows * COLUMNS), 64);
      for (long i = 0; i < (long) rows * COLUMNS; i++) {
        data.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      Matrix matrix = new MatrixLoader(arena, pool).repacked(GgmlType.F32, data, rows, COLUMNS);
      for (int tokens : new int[] {1, 7, 64, 131}) {
        float[] alone = product(matrix, tokens, 1);
        for (int threads : new int[] {2, 3, 8}) {
          assertThat(product(matrix, tokens, threads))
              .as("%d tokens, %d threads", tokens, threads)
              .isEqualTo(alone);
        }
      }
    }
  }

  private static float[] product(Matrix matrix, int tokens, int threads) {
    Random random = new Random(5);
    Activations x = new Activations(COLUMNS, tokens, matrix.forms(tokens));
    x.start(tokens);
    float[] vector = new float[COLUMNS];
    for (int token = 0; token < tokens; token++) {
      for (int c = 0; c < COLUMNS; c++) {
        vector[c] = (float) random.nextGaussian();
      }
      x.pack(token, vector, 0, matrix.forms(tokens), new int[Activations.BLOCK]);
    }
    MatMulScratch[] scratch = new MatMulScratch[threads];
    for (int i = 0; i < threads; i++) {
      scratch[i] = new MatMulScratch();
    }
    int stride = MatMul.stride(matrix);
    float[] out = new float[VectorShape.roundUp(tokens, Activations.GROUP) * stride];
    try (WorkerPool pool = new WorkerPool(threads)) {
      new MatMul(scratch).run(pool, x, new Matrix[] {matrix}, new float[][] {out});
    }
    return Arrays.copyOf(out, tokens * stride);
  }
}
