package io.calidrop.bench;

import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufWriter;
import io.calidrop.model.LlamaConfig;
import io.calidrop.model.LlamaConfigReader;
import io.calidrop.model.TensorSource;
import io.calidrop.model.TensorSpec;
import io.calidrop.model.TokenEmbedding;
import io.calidrop.model.WeightReader;
import io.calidrop.model.family.Architecture;
import io.calidrop.model.family.Architecture.Presence;
import io.calidrop.model.family.Families;
import io.calidrop.tensor.Matrix;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Locale;
import java.util.Random;
import java.util.Set;

/**
 * Model files of random weights with a vocabulary that any text can be written in: enough to
 * measure speed, and to try every command, on any shape and format without a download.
 */
public final class RandomModel {

  /** Shapes of well-known models. */
  public enum Shape {
    /** Two small layers: for tests. */
    STINY(2, 96, 128, 6, 2, 16, 384, 256),
    /** Two layers whose rows are whole blocks of every format. */
    SMICRO(2, 256, 512, 4, 2, 64, 384, 512),
    /** One layer whose heads together are wider than it. */
    SWIDE(1, 256, 256, 4, 1, 128, 384, 512),
    /** SmolLM2-135M. */
    S135M(30, 576, 1536, 9, 3, 64, 49_152, 8_192),
    /** Llama-3.2-1B. */
    S1B(16, 2048, 8192, 32, 8, 64, 128_256, 131_072),
    /** Llama-3.1-8B. */
    S8B(32, 4096, 14_336, 32, 8, 128, 128_256, 131_072);

    private final int layers;
    private final int dim;
    private final int ffnDim;
    private final int heads;
    private final int kvHeads;
    private final int headDim;
    private final int vocabulary;
    private final int context;

    Shape(
        int layers,
        int dim,
        int ffnDim,
        int heads,
        int kvHeads,
        int headDim,
        int vocabulary,
        int context) {
      this.layers = layers;
      this.dim = dim;
      this.ffnDim = ffnDim;
      this.heads = heads;
      this.kvHeads = kvHeads;
      this.headDim = headDim;
      this.vocabulary = vocabulary;
      this.context = context;
    }

    /** The shape called so on the command line: {@code 135m}, {@code 1b}, {@code 8b}. */
    public static Shape named(String name) {
      return valueOf("S" + name.toUpperCase(Locale.ROOT));
    }
  }

  /** Formats of a file: one for most matrices, another for some, as quantisation tools mix them. */
  public enum Mix {
    F32(GgmlType.F32, GgmlType.F32),
    F16(GgmlType.F16, GgmlType.F16),
    BF16(GgmlType.BF16, GgmlType.BF16),
    Q4_0(GgmlType.Q4_0, GgmlType.Q8_0),
    Q4_1(GgmlType.Q4_1, GgmlType.Q8_0),
    Q5_0(GgmlType.Q5_0, GgmlType.Q8_0),
    Q5_1(GgmlType.Q5_1, GgmlType.Q8_0),
    Q8_0(GgmlType.Q8_0, GgmlType.Q8_0),
    Q2_K(GgmlType.Q2_K, GgmlType.Q6_K),
    Q3_K(GgmlType.Q3_K, GgmlType.Q6_K),
    /** Q4_K, with Q6_K for the embedding and for half of the value and down matrices. */
    Q4_K_M(GgmlType.Q4_K, GgmlType.Q6_K),
    Q5_K(GgmlType.Q5_K, GgmlType.Q6_K),
    Q6_K(GgmlType.Q6_K, GgmlType.Q6_K),
    IQ4_NL(GgmlType.IQ4_NL, GgmlType.Q6_K),
    IQ4_XS(GgmlType.IQ4_XS, GgmlType.Q6_K);

    private final GgmlType most;
    private final GgmlType embedding;

    Mix(GgmlType most, GgmlType embedding) {
      this.most = most;
      this.embedding = embedding;
    }
  }

  private static final int EXPERTS = 8;
  private static final int EXPERTS_USED = 2;

  private final Architecture family;
  private final Shape shape;
  private final Mix mix;
  private final Random random = new Random(42);

  /** A Llama. */
  public RandomModel(Shape shape, Mix mix) {
    this(Families.named("llama").orElseThrow(), shape, mix);
  }

  /**
   * A model of any family, with as many layers as show all kinds that the family has. Of {@value
   * #EXPERTS} experts {@value #EXPERTS_USED} are used, and windows are a sixteenth of the context.
   */
  public RandomModel(Architecture family, Shape shape, Mix mix) {
    this.family = family;
    this.shape = shape;
    this.mix = mix;
  }

  /** Writes the file. */
  public void write(Path path) throws IOException {
    declare().write(path);
  }

  /** The file before it is written, to which more may be added. It can be written once. */
  public GgufWriter declare() {
    GgufWriter writer = new GgufWriter();
    metadata(writer);
    LlamaConfig config = LlamaConfigReader.read(writer.metadata(), shape.vocabulary);
    new WeightReader(config, new Declaration(writer)).visit();
    return writer;
  }

  private void metadata(GgufWriter writer) {
    String prefix = family.name() + ".";
    int layers = Math.max(family.windowEvery(), family.unrotatedEvery());
    writer
        .put("general.architecture", family.name())
        .put("general.name", "random " + shape.name().substring(1) + " " + mix)
        .put(prefix + "block_count", Math.max(shape.layers, layers))
        .put(prefix + "embedding_length", shape.dim)
        .put(prefix + "feed_forward_length", shape.ffnDim)
        .put(prefix + "attention.head_count", shape.heads)
        .put(prefix + "attention.head_count_kv", shape.kvHeads)
        .put(prefix + "attention.layer_norm_rms_epsilon", 1e-5f)
        .put(prefix + "attention.key_length", shape.headDim)
        .put(prefix + "attention.value_length", shape.headDim)
        .put(prefix + "rope.dimension_count", shape.headDim)
        .put(prefix + "rope.freq_base", 500_000f)
        .put(prefix + "context_length", shape.context)
        .put(prefix + "vocab_size", shape.vocabulary);
    family.keys().entrySet().stream()
        .filter(key -> key.getValue() != 0)
        .forEach(key -> writer.put(prefix + key.getKey(), key.getValue()));
    if (family.windowEvery() > 0) {
      writer.put(prefix + "attention.sliding_window", shape.context / 16);
    }
    if (family.experts() == Presence.ALWAYS) {
      writer.put(prefix + "expert_count", EXPERTS).put(prefix + "expert_used_count", EXPERTS_USED);
    }
    RandomVocabulary.put(writer, shape.vocabulary);
  }

  /** Declares the tensors that it is asked for. */
  private final class Declaration implements TensorSource {
    private final GgufWriter writer;
    private final Set<String> declared = new HashSet<>();

    Declaration(GgufWriter writer) {
      this.writer = writer;
    }

    @Override
    public float[] vector(TensorSpec tensor) {
      if (isNew(tensor)) {
        long length = tensor.shape().getFirst();
        writer.tensor(tensor.name(), GgmlType.F32, out -> randomVector(out, tensor), length);
      }
      return null;
    }

    @Override
    public Matrix rows(TensorSpec tensor, int from, int count) {
      if (isNew(tensor)) {
        GgmlType type = type(tensor.name());
        long columns = tensor.shape().getFirst();
        if (columns % type.blockSize() != 0) {
          throw new IllegalArgumentException(
              "%s has blocks of %d, and this shape a matrix of %d columns: choose another type"
                  .formatted(type, type.blockSize(), columns));
        }
        long rows = tensor.shape().stream().skip(1).reduce(1L, Math::multiplyExact);
        long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
        writer.tensor(tensor.name(), type, out -> randomRows(out, type, columns, rows), shape);
      }
      return null;
    }

    @Override
    public TokenEmbedding embedding(TensorSpec tensor) {
      rows(tensor, 0, shape.vocabulary);
      return null;
    }

    private boolean isNew(TensorSpec tensor) {
      return tensor.presence() == Presence.ALWAYS && declared.add(tensor.name());
    }
  }

  private GgmlType type(String tensor) {
    if (tensor.equals("token_embd.weight")) {
      return mix.embedding;
    }
    if (tensor.endsWith("ffn_gate_inp.weight")) {
      return GgmlType.F32; // as quantisation tools leave routers
    }
    boolean finer = mix == Mix.Q4_K_M && tensor.matches("blk\\.\\d*[02468]\\.(attn_v|ffn_down).*");
    return finer ? GgmlType.Q6_K : mix.most;
  }

  /** Biases about 0; norms of heads and of what a layer gives about 1, the others 1. */
  private void randomVector(OutputStream out, TensorSpec tensor) throws IOException {
    boolean bias = tensor.name().endsWith(".bias");
    boolean varied = bias || tensor.name().matches(".*(_q_norm|_k_norm|post_\\w+).weight");
    byte[] bytes = new byte[Math.toIntExact(tensor.shape().getFirst()) * Float.BYTES];
    for (int at = 0; at < bytes.length; at += Float.BYTES) {
      float value = (bias ? 0 : 1) + (varied ? random.nextFloat() - 0.5f : 0);
      RandomWeights.put32(bytes, at, Float.floatToRawIntBits(value));
    }
    out.write(bytes);
  }

  private void randomRows(OutputStream out, GgmlType type, long columns, long rows)
      throws IOException {
    byte[] row = new byte[Math.toIntExact(type.bytes(columns))];
    for (long r = 0; r < rows; r++) {
      RandomWeights.fill(row, type, random, RandomWeights.deviation(columns));
      out.write(row);
    }
  }
}
