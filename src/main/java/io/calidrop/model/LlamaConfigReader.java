package io.calidrop.model;

import io.calidrop.attention.LayerWindows;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.gguf.TensorInfo;
import io.calidrop.model.family.Architecture;
import io.calidrop.model.family.Architecture.Presence;
import io.calidrop.model.family.Families;

/** Reads a model's shape from the metadata of a GGUF file. */
public final class LlamaConfigReader {
  private static final int MAX_SIZE = 1 << 24;
  private static final int MAX_EXPERTS = 1 << 12;

  private final Metadata metadata;
  private final Architecture architecture;
  private final String prefix;

  private LlamaConfigReader(Metadata metadata) {
    this.metadata = metadata;
    String name = metadata.string("general.architecture", "");
    architecture =
        Families.named(name)
            .orElseThrow(
                () ->
                    new ModelFormatException(
                        "%s: architecture %s is not supported; supported: %s"
                            .formatted(
                                metadata.source(),
                                name.isEmpty() ? "unknown" : name,
                                Families.names())));
    prefix = name + ".";
  }

  /**
   * @throws ModelFormatException naming a key that is missing or whose value is impossible
   */
  public static LlamaConfig read(GgufFile file) {
    return read(file.metadata(), vocabulary(file));
  }

  /** As {@link #read(GgufFile)}, of a model that is not written yet. */
  public static LlamaConfig read(Metadata metadata, int vocabulary) {
    return new LlamaConfigReader(metadata).read(vocabulary);
  }

  private LlamaConfig read(int vocabulary) {
    int layers = size("block_count");
    int dim = size("embedding_length");
    int heads = size("attention.head_count");
    int kvHeads = size("attention.head_count_kv", heads);
    int headDim = size("attention.key_length", Math.max(1, dim / heads));
    if (heads % kvHeads != 0) {
      throw impossible("attention.head_count", heads, "no multiple of " + kvHeads + " KV heads");
    }
    if (size("attention.value_length", headDim) != headDim) {
      throw impossible(
          "attention.value_length",
          size("attention.value_length", headDim),
          "keys of length " + headDim + " need values of the same length");
    }
    int ffnDim = size("feed_forward_length");
    int contextLength = size("context_length");
    return new LlamaConfig(
        architecture,
        metadata.string("general.name", ""),
        layers,
        dim,
        ffnDim,
        heads,
        kvHeads,
        headDim,
        vocabulary,
        contextLength,
        positive("attention.layer_norm_rms_epsilon", 1e-5f),
        rope(headDim, contextLength),
        scales(layers, dim, heads, headDim),
        experts(ffnDim),
        windows(layers));
  }

  /** The tokens that have a name; where none has, as many as the embedding has rows. */
  private static int vocabulary(GgufFile file) {
    long rows =
        file.tensor("token_embd.weight")
            .map(TensorInfo::rows)
            .orElseThrow(
                () -> new ModelFormatException(file.path() + " has no tensor token_embd.weight"));
    long tokens =
        file.metadata()
            .findStrings("tokenizer.ggml.tokens")
            .map(names -> (long) names.size())
            .orElse(rows);
    if (tokens < 1 || tokens > MAX_SIZE) {
      throw new ModelFormatException(
          "%s: a vocabulary of %d tokens is impossible".formatted(file.path(), tokens));
    }
    return (int) tokens;
  }

  private RopeConfig rope(int headDim, int contextLength) {
    int dim = size("rope.dimension_count", headDim);
    if (dim % 2 != 0 || dim > headDim) {
      throw impossible(
          "rope.dimension_count", dim, "an even number up to " + headDim + " is needed");
    }
    float base = positive("rope.freq_base", 10_000f);
    float windowBase = positive("rope.freq_base_swa", architecture.key("rope.freq_base_swa", base));
    String type = metadata.string(prefix + "rope.scaling.type", "linear");
    float factor = positive("rope.scaling.factor", positive("rope.scale_linear", 1f));
    float magnitude = positive("rope.scaling.attn_factor", 1f);
    RopeConfig.Yarn yarn = null;
    switch (type) {
      case "none" -> factor = 1;
      case "linear", "longrope" -> {}
      case "yarn" -> {
        yarn =
            new RopeConfig.Yarn(
                positive("rope.scaling.yarn_beta_fast", 32f),
                positive("rope.scaling.yarn_beta_slow", 1f));
        magnitude *= yarnMagnitude(factor, 1f);
        float multiplier = metadata.float32(prefix + "rope.scaling.yarn_log_multiplier", 0f);
        if (multiplier != 0) {
          magnitude /= yarnMagnitude(factor, multiplier);
        }
      }
      default ->
          throw new ModelFormatException(
              "%s: rope scaling %s is not supported; none, linear, yarn and longrope are"
                  .formatted(metadata.source(), type));
    }
    return new RopeConfig(
        architecture.pairing(),
        dim,
        base,
        windowBase,
        factor,
        yarn,
        magnitude,
        size("rope.scaling.original_context_length", contextLength));
  }

  /** By how much YaRN makes queries and keys longer. */
  private static float yarnMagnitude(float factor, float multiplier) {
    return factor <= 1 ? 1f : (float) (0.1 * multiplier * Math.log(factor) + 1);
  }

  private LlamaConfig.Scales scales(int layers, int dim, int heads, int headDim) {
    int width = layers == architecture.wideScaleLayers() ? dim / heads : headDim;
    return new LlamaConfig.Scales(
        own("embedding_scale", architecture.embeddingTimesRoot() ? (float) Math.sqrt(dim) : 1f),
        own("residual_scale", 1f),
        own("attention.scale", (float) (1 / Math.sqrt(width))),
        own("logit_scale", 1f),
        own("attn_logit_softcapping", 0f),
        own("final_logit_softcapping", 0f),
        own("attention.temperature_scale", 0f));
  }

  /** A key that only some families have; 0 stands for none. */
  private float own(String key, float neutral) {
    if (!architecture.keys().containsKey(key)) {
      return neutral;
    }
    float value = metadata.float32(prefix + key, architecture.key(key, neutral));
    if (!Float.isFinite(value) || value < 0) {
      throw impossible(key, value, "a positive number is needed");
    }
    return value == 0 ? neutral : value;
  }

  private LlamaConfig.Experts experts(int ffnDim) {
    int count = metadata.int32(prefix + "expert_count", 0);
    if (count == 0 && architecture.experts() != Presence.ALWAYS) {
      return new LlamaConfig.Experts(0, 0, 0);
    }
    if (architecture.experts() == Presence.NEVER) {
      throw new ModelFormatException(
          "%s: a mixture of %d experts is not supported in %s models"
              .formatted(metadata.source(), count, architecture.name()));
    }
    int used = size("expert_used_count");
    if (count < 1 || count > MAX_EXPERTS) {
      throw impossible("expert_count", count, "1 to " + MAX_EXPERTS + " is possible");
    }
    if (used > count) {
      throw impossible("expert_used_count", used, "there are " + count + " experts");
    }
    String width = "expert_feed_forward_length";
    boolean own = architecture.keys().containsKey(width);
    return new LlamaConfig.Experts(
        count, used, own ? size(width, Math.max(1, ffnDim / used)) : ffnDim);
  }

  private LayerWindows windows(int layers) {
    if (architecture.windowEvery() == 0) {
      return LayerWindows.NONE;
    }
    String key = "attention.sliding_window";
    int window = metadata.int32(prefix + key, (int) architecture.key(key, 0));
    if (window < 0) {
      throw impossible(key, window, "a positive number is needed");
    }
    return window == 0 ? LayerWindows.NONE : new LayerWindows(window, windowEvery(layers));
  }

  /** Files say every how many layers one sees everything, or of each layer whether it does not. */
  private int windowEvery(int layers) {
    String key = "attention.sliding_window_pattern";
    int every = architecture.windowEvery();
    if (metadata.value(prefix + key).map(Metadata.Value::value).orElse(null)
        instanceof boolean[] windowed) {
      for (int i = 0; i < Math.min(layers, windowed.length); i++) {
        if (windowed[i] == ((i + 1) % every == 0)) {
          throw new ModelFormatException(
              "%s: metadata key %s: layer %d breaks the pattern of %s, whose every %d. layer sees everything"
                  .formatted(metadata.source(), prefix + key, i, architecture.name(), every));
        }
      }
      return every;
    }
    return size(key, every);
  }

  private int size(String key) {
    return checked(key, metadata.int32(prefix + key));
  }

  private int size(String key, int defaultValue) {
    return checked(key, metadata.int32(prefix + key, defaultValue));
  }

  private int checked(String key, int value) {
    if (value < 1 || value > MAX_SIZE) {
      throw impossible(key, value, "1 to " + MAX_SIZE + " is possible");
    }
    return value;
  }

  private float positive(String key, float defaultValue) {
    float value = metadata.float32(prefix + key, defaultValue);
    if (!(value > 0) || Float.isInfinite(value)) {
      throw impossible(key, value, "a positive number is needed");
    }
    return value;
  }

  private ModelFormatException impossible(String key, Number value, String why) {
    return new ModelFormatException(
        "%s: metadata key %s is %s: %s".formatted(metadata.source(), prefix + key, value, why));
  }
}
