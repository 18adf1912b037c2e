package io.calidrop.bench.kernels;

import io.calidrop.bench.RandomWeights;
import io.calidrop.bench.Roofline;
import io.calidrop.gguf.GgmlType;
import io.calidrop.tensor.Activations;
import io.calidrop.tensor.MatMul;
import io.calidrop.tensor.MatMulScratch;
import io.calidrop.tensor.Matrix;
import io.calidrop.tensor.MatrixLoader;
import io.calidrop.tensor.WorkerPool;
import java.lang.foreign.Arena;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Products of a 2048 x 2048 matrix with one token (decoding), with 8 (sequences that are decoded
 * together) and with 256 (prefill). Matrices take turns, so that weights come from memory and not
 * from a cache.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class MatrixBenchmark {
  private static final int SIZE = 2048;
  private static final long RESIDENT_BYTES = 384L << 20;

  /** Weight format. */
  @Param({
    "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
    "Q6_K", "IQ4_NL", "IQ4_XS"
  })
  public GgmlType type;

  /** Tokens multiplied at a time. */
  @Param({"1", "8", "256"})
  public int tokens;

  /** Threads. */
  @Param("1")
  public int threads;

  private Arena arena;
  private WorkerPool pool;
  private Roofline.Limits limits;
  private Matrix[][] matrices;
  private Activations input;
  private MatMul product;
  private float[][] out;
  private int next;

  /** Makes the matrices. */
  @Setup
  public void setUp() {
    limits = Roofline.measure(threads);
    arena = Arena.ofShared();
    pool = new WorkerPool(threads);
    int count = Math.toIntExact(RESIDENT_BYTES / type.bytes((long) SIZE * SIZE));
    matrices = new Matrix[count][1];
    MatrixLoader loader = new MatrixLoader(arena, pool);
    try (Arena file = Arena.ofShared()) {
      var weights = RandomWeights.segment(file, type, SIZE, SIZE);
      for (Matrix[] matrix : matrices) {
        matrix[0] = loader.repacked(type, weights, SIZE, SIZE);
      }
    }
    MatMulScratch[] scratch = new MatMulScratch[threads];
    for (int i = 0; i < threads; i++) {
      scratch[i] = new MatMulScratch();
    }
    product = new MatMul(scratch);
    int forms = MatMul.forms(tokens, matrices[0]);
    input = new Activations(SIZE, tokens, forms);
    input.start(tokens);
    Random random = new Random(1);
    float[] x = new float[SIZE];
    for (int token = 0; token < tokens; token++) {
      for (int i = 0; i < SIZE; i++) {
        x[i] = (float) random.nextGaussian();
      }
      input.pack(token, x, 0, forms, scratch[0].quantised);
    }
    out = new float[][] {new float[tokens * MatMul.stride(matrices[0][0])]};
  }

  /** Frees them. */
  @TearDown
  public void tearDown() {
    pool.close();
    arena.close();
  }

  /** One product. */
  @Benchmark
  public float[] product(Rates rates) {
    Matrix[] matrix = matrices[next];
    next = (next + 1) % matrices.length;
    product.run(pool, input, matrix, out);
    rates.add(limits, matrix[0].residentBytes(), 2.0 * SIZE * SIZE * tokens);
    return out[0];
  }
}
