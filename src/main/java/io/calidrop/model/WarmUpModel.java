package io.calidrop.model;

import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.TensorInfo;
import io.calidrop.tensor.Matrix;
import io.calidrop.tensor.MatrixLoader;
import io.calidrop.tensor.WeightFormat;
import io.calidrop.tensor.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** A model of a block and few rows, in the formats of a real one: runs the same kernels. */
final class WarmUpModel implements AutoCloseable {
  static final int CONTEXT = 32;
  private static final int VOCABULARY = 128; // tiles that make the last kernel hot too

  /** As a half-precision scale a small number, as quants small ones. */
  private static final byte FILL = 0x11;

  private final GgufFile file;
  private final ModelConfig real;
  private final Arena arena = Arena.ofShared();
  private final WorkerPool pool = new WorkerPool(1);
  private final ModelWeights weights;
  private final Transformer transformer;

  WarmUpModel(GgufFile file, ModelConfig real) {
    this.file = file;
    this.real = real;
    ModelConfig config = config();
    weights = new WeightReader(config, new Filled(new MatrixLoader(arena, pool), arena)).read();
    transformer =
        new Transformer(
            file.path(), config, weights, pool, arena, () -> new int[0], KernelWarmUp.NONE);
  }

  /** The smallest shape that holds whole blocks of the formats. */
  private ModelConfig config() {
    int block =
        file.tensors().stream().mapToInt(tensor -> tensor.type().blockSize()).max().orElse(1);
    int unit = 2 * Math.max(32, block);
    int group = real.group();
    int kvHeads = 1;
    while (kvHeads * group * real.headDim() % (unit / 2) != 0) {
      kvHeads++;
    }
    ModelConfig.Experts experts = real.experts();
    return new ModelConfig(
        real.architecture(),
        "",
        1,
        unit,
        unit,
        kvHeads * group,
        kvHeads,
        real.headDim(),
        VOCABULARY,
        CONTEXT,
        real.normEpsilon(),
        real.rope(),
        real.scales(),
        new ModelConfig.Experts(experts.used(), experts.used(), unit),
        real.windows());
  }

  /** Tensors of the file's formats, whatever the weights. */
  private final class Filled implements TensorSource {
    private final MatrixLoader loader;
    private final Arena arena;

    Filled(MatrixLoader loader, Arena arena) {
      this.loader = loader;
      this.arena = arena;
    }

    @Override
    public float[] vector(TensorSpec spec) {
      if (file.tensor(spec.name()).isEmpty()) {
        return null;
      }
      float[] ones = new float[Math.toIntExact(spec.shape().getFirst())];
      Arrays.fill(ones, 1f);
      return ones;
    }

    @Override
    public Matrix rows(TensorSpec spec, int from, int count) {
      TensorInfo tensor = file.tensor(spec.name()).orElse(null);
      if (tensor == null) {
        return null;
      }
      int columns = Math.toIntExact(spec.shape().getFirst());
      MemorySegment data = data(tensor.type(), (long) count * columns);
      return loader.repacked(tensor.type(), data, count, columns);
    }

    @Override
    public TokenEmbedding embedding(TensorSpec spec) {
      // Real numbers, where the real ones are: constants would teach the JVM branches that none
      // takes, and memory of another kind a class that it does not find again.
      TensorInfo tensor = file.tensor(spec.name()).orElseThrow();
      WeightFormat format = WeightFormat.of(tensor.type()).orElseThrow();
      return new TokenEmbedding(
          format, file.data(tensor), Math.toIntExact(spec.shape().getFirst()));
    }

    private MemorySegment data(GgmlType type, long elements) {
      return arena.allocate(type.bytes(elements)).fill(FILL);
    }
  }

  WorkerPool pool() {
    return pool;
  }

  ModelWeights weights() {
    return weights;
  }

  Transformer transformer() {
    return transformer;
  }

  /** Frees its memory; the file stays open. */
  @Override
  public void close() {
    transformer.close();
  }
}
