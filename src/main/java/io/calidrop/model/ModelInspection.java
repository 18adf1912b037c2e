package io.calidrop.model;

import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.gguf.TensorInfo;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a GGUF file holds, whether or not it can be run.
 *
 * @param parameters weights in all
 * @param bytesByType bytes of tensor data for each number format
 * @param config shape of the model, if it can be read
 * @param problems what keeps it from running, see {@link ModelSupport}
 */
public record ModelInspection(
    String architecture,
    String name,
    long fileBytes,
    long parameters,
    Map<GgmlType, Long> bytesByType,
    Optional<LlamaConfig> config,
    String tokenizer,
    String preTokenizer,
    boolean chatTemplate,
    List<String> problems) {

  public static ModelInspection of(GgufFile file) {
    Metadata metadata = file.metadata();
    long parameters = 0;
    Map<GgmlType, Long> bytes = new EnumMap<>(GgmlType.class);
    for (TensorInfo tensor : file.tensors()) {
      parameters += tensor.elements();
      bytes.merge(tensor.type(), tensor.byteSize(), Long::sum);
    }
    return new ModelInspection(
        metadata.string("general.architecture", ""),
        metadata.string("general.name", ""),
        file.fileSize(),
        parameters,
        bytes,
        config(file),
        metadata.string("tokenizer.ggml.model", ""),
        metadata.string("tokenizer.ggml.pre", ""),
        metadata.contains("tokenizer.chat_template"),
        ModelSupport.problems(file));
  }

  private static Optional<LlamaConfig> config(GgufFile file) {
    try {
      return Optional.of(LlamaConfigReader.read(file));
    } catch (ModelFormatException e) {
      return Optional.empty(); // the problems say why
    }
  }

  /** The format that most of the weights' bytes are in. */
  public Optional<GgmlType> mainType() {
    return bytesByType.entrySet().stream().max(Map.Entry.comparingByValue()).map(Map.Entry::getKey);
  }

  /** Numbers that the layers that see everything store in the KV cache for a token. */
  public Optional<Long> kvValues() {
    return config.map(c -> 2L * c.cacheShape().fullLayers().length * c.kvDim());
  }

  /** Numbers that the layers that see a window store for a token of it. */
  public Optional<Long> windowKvValues() {
    return config.flatMap(
        c -> kvValues().map(full -> 2L * c.layers() * c.kvDim() - full).filter(v -> v > 0));
  }
}
