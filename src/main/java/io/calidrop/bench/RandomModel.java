package io.calidrop.bench;

import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;

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

  private final Shape shape;
  private final Mix mix;
  private final Random random = new Random(42);

  public RandomModel(Shape shape, Mix mix) {
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
    long dim = shape.dim;
    matrix(writer, "token_embd", mix.embedding, dim, shape.vocabulary);
    norm(writer, "output_norm");
    for (int i = 0; i < shape.layers; i++) {
      String block = "blk." + i + ".";
      boolean finer = mix == Mix.Q4_K_M && i % 2 == 0;
      GgmlType some = finer ? GgmlType.Q6_K : mix.most;
      long kvDim = (long) shape.kvHeads * shape.headDim;
      long queryDim = (long) shape.heads * shape.headDim;
      norm(writer, block + "attn_norm");
      matrix(writer, block + "attn_q", mix.most, dim, queryDim);
      matrix(writer, block + "attn_k", mix.most, dim, kvDim);
      matrix(writer, block + "attn_v", some, dim, kvDim);
      matrix(writer, block + "attn_output", mix.most, queryDim, dim);
      norm(writer, block + "ffn_norm");
      matrix(writer, block + "ffn_gate", mix.most, dim, shape.ffnDim);
      matrix(writer, block + "ffn_up", mix.most, dim, shape.ffnDim);
      matrix(writer, block + "ffn_down", some, shape.ffnDim, dim);
    }
    return writer;
  }

  private void metadata(GgufWriter writer) {
    writer
        .put("general.architecture", "llama")
        .put("general.name", "random " + shape.name().substring(1) + " " + mix)
        .put("llama.block_count", shape.layers)
        .put("llama.embedding_length", shape.dim)
        .put("llama.feed_forward_length", shape.ffnDim)
        .put("llama.attention.head_count", shape.heads)
        .put("llama.attention.head_count_kv", shape.kvHeads)
        .put("llama.attention.layer_norm_rms_epsilon", 1e-5f)
        .put("llama.attention.key_length", shape.headDim)
        .put("llama.attention.value_length", shape.headDim)
        .put("llama.rope.dimension_count", shape.headDim)
        .put("llama.rope.freq_base", 500_000f)
        .put("llama.context_length", shape.context)
        .put("llama.vocab_size", shape.vocabulary);
    RandomVocabulary.put(writer, shape.vocabulary);
  }

  private void norm(GgufWriter writer, String name) {
    byte[] ones = new byte[shape.dim * Float.BYTES];
    for (int i = 0; i < shape.dim; i++) {
      RandomWeights.put32(ones, i * Float.BYTES, Float.floatToRawIntBits(1f));
    }
    writer.tensor(name + ".weight", GgmlType.F32, out -> out.write(ones), shape.dim);
  }

  private void matrix(GgufWriter writer, String name, GgmlType type, long columns, long rows) {
    if (columns % type.blockSize() != 0) {
      throw new IllegalArgumentException(
          "%s has blocks of %d, and this shape a matrix of %d columns: choose another type"
              .formatted(type, type.blockSize(), columns));
    }
    writer.tensor(
        name + ".weight", type, out -> randomRows(out, type, columns, rows), columns, rows);
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
