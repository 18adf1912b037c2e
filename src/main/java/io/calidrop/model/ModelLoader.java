package io.calidrop.model;

import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.gguf.TensorInfo;
import io.calidrop.tensor.Matrix;
import io.calidrop.tensor.MatrixLoader;
import io.calidrop.tensor.WeightFormat;
import io.calidrop.tensor.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Reads the weights of a GGUF file. For one thread at a time. */
@SuppressWarnings("exports") // of tensor: for this module's other packages
public final class ModelLoader implements TensorSource {
  private final GgufFile file;
  private final MatrixLoader matrices;
  private final boolean exact;

  private ModelLoader(GgufFile file, MatrixLoader matrices, boolean exact) {
    this.file = file;
    this.matrices = matrices;
    this.exact = exact;
  }

  /**
   * Loads a model. The file must stay open as long as the model is used: rows of the token
   * embedding are read from it.
   *
   * @throws ModelFormatException if the file holds no model that is supported
   * @throws IllegalArgumentException if there are no types that its caches may have
   */
  public static Transformer load(GgufFile file, LoadOptions options) {
    ModelSupport.require(file);
    ModelConfig config = ModelConfigReader.read(file);
    KernelWarmUp warmUp =
        options.exact()
            ? KernelWarmUp.NONE
            : new KernelWarmUp(file, config, options.cacheTypes().apply(config));
    warmUp.start(options.quickStart());
    WorkerPool pool = new WorkerPool(options.threads());
    Arena arena = Arena.ofShared();
    try {
      ModelLoader loader = new ModelLoader(file, new MatrixLoader(arena, pool), options.exact());
      ModelWeights weights = new WeightReader(config, loader).read();
      warmUp.await(options.quickStart());
      return new Transformer(file.path(), config, weights, pool, arena, options.repeat(), warmUp);
    } catch (RuntimeException | Error e) {
      warmUp.close();
      pool.close();
      arena.close();
      throw e;
    }
  }

  @Override
  public float[] vector(TensorSpec spec) {
    TensorInfo tensor = file.tensor(spec.name()).orElse(null);
    if (tensor == null) {
      return null; // optional, or the file would have been refused
    }
    float[] values = new float[Math.toIntExact(tensor.elements())];
    format(tensor).dequantizeRow(file.data(tensor), 0, values, 0, values.length);
    return values;
  }

  @Override
  public Matrix rows(TensorSpec spec, int from, int count) {
    TensorInfo tensor = file.tensor(spec.name()).orElse(null);
    if (tensor == null) {
      return null;
    }
    int columns = Math.toIntExact(tensor.columns());
    GgmlType type = tensor.type();
    long start = from * type.bytes(columns);
    if (exact) {
      MemorySegment data = file.data(tensor).asSlice(start, count * type.bytes(columns));
      return MatrixLoader.dequantized(type, data, count, columns);
    }
    return matrices.repacked(
        type,
        (offset, bytes, arena) -> file.map(tensor, start + offset, bytes, arena),
        count,
        columns);
  }

  @Override
  public TokenEmbedding embedding(TensorSpec spec) {
    TensorInfo tensor = file.tensor(spec.name()).orElseThrow();
    return new TokenEmbedding(format(tensor), file.data(tensor), Math.toIntExact(tensor.columns()));
  }

  private static WeightFormat format(TensorInfo tensor) {
    return WeightFormat.of(tensor.type()).orElseThrow();
  }
}
