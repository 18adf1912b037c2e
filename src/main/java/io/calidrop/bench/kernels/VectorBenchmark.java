package io.calidrop.bench.kernels;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.model.RotaryEmbedding;
import io.calidrop.model.family.Architecture;
import io.calidrop.sampling.SamplerChain;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.tensor.Activations;
import io.calidrop.tensor.VectorMath;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.FloatVector;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * What is done to a vector between two products, on one thread: 2,048 elements, 32 heads of 64, a
 * vocabulary of 49,152.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class VectorBenchmark {
  private static final int SIZE = 2048;
  private static final int HEADS = 32;
  private static final int DIM = 64;
  private static final int VOCABULARY = 49_152;

  private final float[] x = new float[SIZE];
  private final float[] y = new float[SIZE];
  private final float[] out = new float[SIZE];
  private final float[] logits = new float[VOCABULARY];
  private final float[] kept = new float[VOCABULARY];
  private final int[] scratch = new int[Activations.BLOCK];
  private final RotaryEmbedding rope = rotation();
  private final float[] angles = new float[DIM];
  private Activations activations;
  private SamplerChain sampler;
  private SamplerChain greedy;

  private static RotaryEmbedding rotation() {
    double[] frequencies = new double[DIM / 2];
    Arrays.setAll(frequencies, i -> Math.pow(10_000, -2.0 * i / DIM));
    return new RotaryEmbedding(frequencies, DIM, Architecture.Pairing.NEIGHBOURS, 1);
  }

  /** Makes the vectors. */
  @Setup
  public void setUp() {
    Random random = new Random(1);
    for (int i = 0; i < SIZE; i++) {
      x[i] = (float) random.nextGaussian();
      y[i] = (float) random.nextGaussian();
    }
    for (int i = 0; i < VOCABULARY; i++) {
      kept[i] = (float) (4 * random.nextGaussian());
    }
    rope.angles(1000, angles, 0);
    activations = new Activations(SIZE, 1, Activations.PAIRS);
    activations.start(1);
    sampler = new SamplerChain(SamplerOptions.defaults().withSeed(1), VOCABULARY);
    greedy = new SamplerChain(SamplerOptions.greedy(), VOCABULARY);
  }

  /** exp of a vector. */
  @Benchmark
  public float[] exp() {
    for (int i = 0; i < SIZE; i += LANES) {
      VectorMath.exp(FloatVector.fromArray(F, x, i)).intoArray(out, i);
    }
    return out;
  }

  /** RMSNorm. */
  @Benchmark
  public float[] rmsNorm() {
    VectorMath.rmsNorm(x, 0, y, 1e-5f, out, 0);
    return out;
  }

  /** SwiGLU. */
  @Benchmark
  public float[] swiGlu() {
    System.arraycopy(x, 0, out, 0, SIZE);
    VectorMath.swiGlu(out, y, 0, SIZE);
    return out;
  }

  /** Rotation of all heads of a token. */
  @Benchmark
  public float[] rope() {
    System.arraycopy(x, 0, out, 0, SIZE);
    rope.rotate(out, 0, HEADS, angles, 0);
    return out;
  }

  /** Quantisation to 8 bits. */
  @Benchmark
  public Activations quantise() {
    activations.pack(0, x, 0, Activations.PAIRS, scratch);
    return activations;
  }

  /** Sampling with the defaults. */
  @Benchmark
  public int sample() {
    System.arraycopy(kept, 0, logits, 0, VOCABULARY);
    return sampler.sample(logits);
  }

  /** Sampling at temperature 0. */
  @Benchmark
  public int sampleGreedy() {
    System.arraycopy(kept, 0, logits, 0, VOCABULARY);
    return greedy.sample(logits);
  }
}
