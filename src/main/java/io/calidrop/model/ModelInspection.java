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
 * @param format name of the mixture of number formats, such as Q4_K_M: the file's own, or the
 *     format that most of its layers' bytes are in
 * @param problems what keeps it from running, see {@link ModelSupport}
 */
public record ModelInspection(
    String architecture,
    String name,
    long fileBytes,
    long parameters,
    Map<GgmlType, Long> bytesByType,
    Optional<ModelConfig> config,
    String tokenizer,
    String preTokenizer,
    boolean chatTemplate,
    String format,
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
        FileTypes.name(metadata).orElseGet(() -> mainFormat(file)),
        ModelSupport.problems(file));
  }

  /**
   * A large vocabulary has more bytes than the layers of a small model, and often its own format.
   */
  private static String mainFormat(GgufFile file) {
    Map<GgmlType, Long> bytes = new EnumMap<>(GgmlType.class);
    for (TensorInfo tensor : file.tensors()) {
      if (tensor.name().startsWith("blk.")) {
        bytes.merge(tensor.type(), tensor.byteSize(), Long::sum);
      }
    }
    return bytes.entrySet().stream()
        .max(Map.Entry.comparingByValue())
        .map(most -> most.getKey().name())
        .orElse("");
  }

  private static Optional<ModelConfig> config(GgufFile file) {
    try {
      return Optional.of(ModelConfigReader.read(file));
    } catch (ModelFormatException e) {
      return Optional.empty(); // the problems say why
    }
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
