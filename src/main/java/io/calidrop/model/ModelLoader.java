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
import java.util.ArrayList;
import java.util.List;

/** Reads the weights of a GGUF file. */
public final class ModelLoader {
  private final GgufFile file;
  private final LlamaConfig config;
  private final MatrixLoader matrices;
  private final boolean exact;

  private ModelLoader(GgufFile file, LlamaConfig config, MatrixLoader matrices, boolean exact) {
    this.file = file;
    this.config = config;
    this.matrices = matrices;
    this.exact = exact;
  }

  /**
   * Loads a model. The file must stay open as long as the model is used: rows of the token
   * embedding are read from it.
   *
   * @throws ModelFormatException if the file holds no model that is supported
   */
  public static LlamaModel load(GgufFile file, LoadOptions options) {
    ModelSupport.require(file);
    LlamaConfig config = LlamaConfigReader.read(file);
    if (!options.exact()) {
      new KernelWarmUp(file, config).start();
    }
    WorkerPool pool = new WorkerPool(options.threads());
    Arena arena = Arena.ofShared();
    try {
      ModelLoader loader =
          new ModelLoader(file, config, new MatrixLoader(arena, pool), options.exact());
      return new LlamaModel(config, loader.weights(), pool, arena);
    } catch (RuntimeException | Error e) {
      pool.close();
      arena.close();
      throw e;
    }
  }

  private LlamaWeights weights() {
    TensorInfo embedding = tensor("token_embd.weight");
    TokenEmbedding rows =
        new TokenEmbedding(
            WeightFormat.of(embedding.type()).orElseThrow(), file.data(embedding), config.dim());
    List<LlamaWeights.Layer> layers = new ArrayList<>();
    for (int i = 0; i < config.layers(); i++) {
      layers.add(layer("blk." + i + "."));
    }
    float[] factors =
        file.tensor("rope_freqs.weight").map(tensor -> vector(tensor.name())).orElse(null);
    // Without an output matrix of its own a model multiplies by its token embedding.
    String output = file.tensor("output.weight").isPresent() ? "output.weight" : embedding.name();
    return new LlamaWeights(
        rows,
        List.copyOf(layers),
        vector("output_norm.weight"),
        matrix(output, config.vocabulary()), // no logits for rows that pad the vocabulary
        new RotaryEmbedding(config, factors));
  }

  private LlamaWeights.Layer layer(String prefix) {
    return new LlamaWeights.Layer(
        vector(prefix + "attn_norm.weight"),
        matrix(prefix + "attn_q.weight"),
        matrix(prefix + "attn_k.weight"),
        matrix(prefix + "attn_v.weight"),
        matrix(prefix + "attn_output.weight"),
        vector(prefix + "ffn_norm.weight"),
        matrix(prefix + "ffn_gate.weight"),
        matrix(prefix + "ffn_up.weight"),
        matrix(prefix + "ffn_down.weight"));
  }

  private TensorInfo tensor(String name) {
    return file.tensor(name)
        .orElseThrow(() -> new ModelFormatException(file.path() + " has no tensor " + name));
  }

  private float[] vector(String name) {
    TensorInfo tensor = tensor(name);
    float[] values = new float[Math.toIntExact(tensor.elements())];
    WeightFormat.of(tensor.type())
        .orElseThrow()
        .dequantizeRow(file.data(tensor), 0, values, 0, values.length);
    return values;
  }

  private Matrix matrix(String name) {
    return matrix(name, Math.toIntExact(tensor(name).rows()));
  }

  /** The first rows of a tensor. */
  private Matrix matrix(String name, int rows) {
    TensorInfo tensor = tensor(name);
    int columns = Math.toIntExact(tensor.columns());
    GgmlType type = tensor.type();
    if (exact) {
      return MatrixLoader.dequantized(type, file.data(tensor), rows, columns);
    }
    return matrices.repacked(
        type, (offset, bytes, arena) -> file.map(tensor, offset, bytes, arena), rows, columns);
  }
}
