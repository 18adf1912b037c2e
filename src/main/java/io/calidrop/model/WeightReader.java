package io.calidrop.model;

import io.calidrop.model.family.Architecture;
import io.calidrop.model.family.Architecture.HeadNorms;
import io.calidrop.model.family.Architecture.Presence;
import io.calidrop.tensor.Matrix;
import java.util.ArrayList;
import java.util.List;

/**
 * Names every tensor of a model, with its shape, and puts it where it belongs: the only place that
 * knows them. Loading, checking, warming up and writing random models are different {@linkplain
 * TensorSource sources}.
 */
public final class WeightReader {
  private final LlamaConfig config;
  private final Architecture architecture;
  private final TensorSource source;
  private String block; // prefix of the names of a layer's tensors

  public WeightReader(LlamaConfig config, TensorSource source) {
    this.config = config;
    this.architecture = config.architecture();
    this.source = source;
  }

  /** Asks for all tensors. */
  public void visit() {
    read();
  }

  LlamaWeights read() {
    block = "";
    TensorSpec tokens = tokens("token_embd.weight", Presence.ALWAYS);
    TokenEmbedding embedding = source.embedding(tokens);
    float[] outputNorm = vector("output_norm.weight", Presence.ALWAYS, dim());
    // Without an output matrix of its own a model multiplies by its token embedding.
    Matrix output = all(tokens("output.weight", architecture.output()));
    int pairs = config.rope().dim() / 2;
    Rotations rotations =
        new Rotations(
            config,
            vector("rope_freqs.weight", Presence.OPTIONAL, pairs),
            vector("rope_factors_short.weight", Presence.OPTIONAL, pairs),
            vector("rope_factors_long.weight", Presence.OPTIONAL, pairs));
    List<LlamaWeights.Layer> layers = new ArrayList<>();
    for (int i = 0; i < config.layers(); i++) {
      layers.add(layer(i));
    }
    return new LlamaWeights(
        embedding,
        List.copyOf(layers),
        outputNorm,
        output == null ? all(tokens) : output,
        rotations);
  }

  private LlamaWeights.Layer layer(int index) {
    block = "blk." + index + ".";
    LlamaWeights.Attention attention = attention();
    float[] ffnNorm = vector("ffn_norm.weight", present(architecture.inputNorms()), dim());
    boolean mixture = config.experts().count() > 0;
    return new LlamaWeights.Layer(
        attention,
        ffnNorm,
        mixture ? null : feedForward(),
        mixture ? all(matrix("ffn_gate_inp.weight", config.experts().count(), dim())) : null,
        mixture ? experts() : List.of(),
        vector("post_ffw_norm.weight", present(architecture.outputNorms()), dim()));
  }

  private LlamaWeights.Attention attention() {
    int queries = config.queryDim();
    int keys = config.kvDim();
    float[] norm = vector("attn_norm.weight", present(architecture.inputNorms()), dim());
    Matrix query;
    Matrix key;
    Matrix value;
    if (architecture.fused()) {
      TensorSpec fused = matrix("attn_qkv.weight", queries + 2 * keys, dim());
      query = source.rows(fused, 0, queries);
      key = source.rows(fused, queries, keys);
      value = source.rows(fused, queries + keys, keys);
    } else {
      query = all(matrix("attn_q.weight", queries, dim()));
      key = all(matrix("attn_k.weight", keys, dim()));
      value = all(matrix("attn_v.weight", keys, dim()));
    }
    Presence biases = architecture.attentionBiases();
    Presence headNorms = present(architecture.headNorms() != HeadNorms.NONE);
    boolean each = architecture.headNorms() == HeadNorms.EACH;
    return new LlamaWeights.Attention(
        norm,
        query,
        key,
        value,
        vector("attn_q.bias", biases, queries),
        vector("attn_k.bias", biases, keys),
        vector("attn_v.bias", biases, keys),
        vector("attn_q_norm.weight", headNorms, each ? config.headDim() : queries),
        vector("attn_k_norm.weight", headNorms, each ? config.headDim() : keys),
        all(matrix("attn_output.weight", dim(), queries)),
        vector("attn_output.bias", architecture.outputBias(), dim()),
        vector("post_attention_norm.weight", present(architecture.outputNorms()), dim()));
  }

  private LlamaWeights.FeedForward feedForward() {
    int width = config.ffnDim();
    Matrix gate;
    Matrix up;
    if (architecture.fused()) {
      TensorSpec fused = matrix("ffn_up.weight", 2L * width, dim());
      gate = source.rows(fused, 0, width);
      up = source.rows(fused, width, width);
    } else {
      gate = all(matrix("ffn_gate.weight", width, dim()));
      up = all(matrix("ffn_up.weight", width, dim()));
    }
    return new LlamaWeights.FeedForward(gate, up, all(matrix("ffn_down.weight", dim(), width)));
  }

  private List<LlamaWeights.FeedForward> experts() {
    int width = config.experts().ffnDim();
    TensorSpec gates = experts("ffn_gate_exps.weight", width, dim());
    TensorSpec ups = experts("ffn_up_exps.weight", width, dim());
    TensorSpec downs = experts("ffn_down_exps.weight", dim(), width);
    List<LlamaWeights.FeedForward> experts = new ArrayList<>();
    for (int i = 0; i < config.experts().count(); i++) {
      experts.add(
          new LlamaWeights.FeedForward(
              source.rows(gates, i * width, width),
              source.rows(ups, i * width, width),
              source.rows(downs, i * dim(), dim())));
    }
    return experts;
  }

  private int dim() {
    return config.dim();
  }

  private static Presence present(boolean is) {
    return is ? Presence.ALWAYS : Presence.NEVER;
  }

  /** Asks for a vector of the block, unless the family never has it. */
  private float[] vector(String name, Presence presence, long length) {
    return presence == Presence.NEVER
        ? null
        : source.vector(new TensorSpec(block + name, List.of(length), presence, false));
  }

  /** A matrix with a row for each token, and perhaps padding. */
  private TensorSpec tokens(String name, Presence presence) {
    return new TensorSpec(
        block + name, List.of((long) dim(), (long) config.vocabulary()), presence, true);
  }

  private TensorSpec matrix(String name, long rows, long columns) {
    return new TensorSpec(block + name, List.of(columns, rows), Presence.ALWAYS, false);
  }

  private TensorSpec experts(String name, long rows, long columns) {
    long count = config.experts().count();
    return new TensorSpec(block + name, List.of(columns, rows, count), Presence.ALWAYS, false);
  }

  private Matrix all(TensorSpec matrix) {
    return source.rows(matrix, 0, Math.toIntExact(matrix.shape().get(1)));
  }
}
