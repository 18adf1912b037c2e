package io.calidrop.model;

import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.gguf.TensorInfo;

/** Reads a model's shape from the {@code llama.*} metadata of a GGUF file. */
public final class LlamaConfigReader {
  static final String ARCHITECTURE = "llama";
  private static final String PREFIX = ARCHITECTURE + ".";
  private static final int MAX_SIZE = 1 << 24;

  private final GgufFile file;
  private final Metadata metadata;

  private LlamaConfigReader(GgufFile file) {
    this.file = file;
    this.metadata = file.metadata();
  }

  /**
   * @throws ModelFormatException naming a key that is missing or whose value is impossible
   */
  public static LlamaConfig read(GgufFile file) {
    return new LlamaConfigReader(file).read();
  }

  private LlamaConfig read() {
    int layers = size("block_count");
    int dim = size("embedding_length");
    int heads = size("attention.head_count");
    int kvHeads = size("attention.head_count_kv", heads);
    int headDim = size("attention.key_length", Math.max(1, dim / heads));
    int ropeDim = size("rope.dimension_count", headDim);
    if (heads % kvHeads != 0) {
      throw impossible("attention.head_count", heads, "no multiple of " + kvHeads + " KV heads");
    }
    if (size("attention.value_length", headDim) != headDim) {
      throw impossible(
          "attention.value_length",
          size("attention.value_length", headDim),
          "keys of length " + headDim + " need values of the same length");
    }
    if (ropeDim % 2 != 0 || ropeDim > headDim) {
      throw impossible(
          "rope.dimension_count", ropeDim, "an even number up to " + headDim + " is needed");
    }
    float ropeBase = positive("rope.freq_base", 10_000f);
    float epsilon = positive("attention.layer_norm_rms_epsilon", 1e-5f);
    return new LlamaConfig(
        metadata.string("general.name", ""),
        layers,
        dim,
        size("feed_forward_length"),
        heads,
        kvHeads,
        headDim,
        vocabulary(),
        size("context_length"),
        ropeDim,
        ropeBase,
        ropeScale(),
        epsilon);
  }

  /** The tokens that have a name; where none has, as many as the embedding has rows. */
  private int vocabulary() {
    long rows =
        file.tensor("token_embd.weight")
            .map(TensorInfo::rows)
            .orElseThrow(
                () -> new ModelFormatException(file.path() + " has no tensor token_embd.weight"));
    long tokens =
        metadata
            .findStrings("tokenizer.ggml.tokens")
            .map(names -> (long) names.size())
            .orElse(rows);
    if (tokens < 1 || tokens > MAX_SIZE) {
      throw new ModelFormatException(
          "%s: a vocabulary of %d tokens is impossible".formatted(file.path(), tokens));
    }
    return (int) tokens;
  }

  private float ropeScale() {
    String type = metadata.string(PREFIX + "rope.scaling.type", "none");
    float legacy = positive("rope.scale_linear", 1f);
    return switch (type) {
      case "none" -> legacy;
      case "linear" -> positive("rope.scaling.factor", legacy);
      default ->
          throw new ModelFormatException(
              "%s: rope scaling %s is not supported; none and linear are"
                  .formatted(file.path(), type));
    };
  }

  private int size(String key) {
    return checked(key, metadata.int32(PREFIX + key));
  }

  private int size(String key, int defaultValue) {
    return checked(key, metadata.int32(PREFIX + key, defaultValue));
  }

  private int checked(String key, int value) {
    if (value < 1 || value > MAX_SIZE) {
      throw impossible(key, value, "1 to " + MAX_SIZE + " is possible");
    }
    return value;
  }

  private float positive(String key, float defaultValue) {
    float value = metadata.float32(PREFIX + key, defaultValue);
    if (!(value > 0) || Float.isInfinite(value)) {
      throw impossible(key, value, "a positive number is needed");
    }
    return value;
  }

  private ModelFormatException impossible(String key, Number value, String why) {
    return new ModelFormatException(
        "%s: metadata key %s is %s: %s".formatted(file.path(), PREFIX + key, value, why));
  }
}
