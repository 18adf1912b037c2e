package io.calidrop.model;

import io.calidrop.attention.AttentionStep;
import io.calidrop.attention.KvCache;
import io.calidrop.attention.TokenBatch;
import io.calidrop.model.family.Architecture.Activation;
import io.calidrop.tensor.Activations;
import io.calidrop.tensor.MatMul;
import io.calidrop.tensor.MatMulScratch;
import io.calidrop.tensor.Matrix;
import io.calidrop.tensor.VectorMath;
import io.calidrop.tensor.VectorShape;
import io.calidrop.tensor.WorkerPool;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * The transformer itself: a batch of tokens, of one sequence or several, through all layers (arXiv
 * 2302.13971). What lies between two matrix products is shared out by groups of {@link
 * Activations#GROUP} tokens, and what takes longest of it also by columns where there are fewer
 * groups than threads; either way with the same operations, so that a token's result does not
 * depend on what else is in the batch.
 */
final class ForwardPass {
  /** Tokens of a batch that make the most of every weight that is read. */
  static final int MAX_BATCH = 256;

  /** Tokens whose logits are computed together. */
  private static final int LOGITS_BATCH = 16;

  private final ModelConfig config;
  private final ModelWeights weights;
  private final WorkerPool pool;
  private final AttentionStep attention;
  private final HeadStep heads;
  private final ExpertStep experts; // or null
  private final MatMul matMul;
  private final PackStep packing;
  private final int maxBatch;
  private final TokenBatch batch;
  private final List<List<RotaryEmbedding>> rotations = new ArrayList<>(); // of each sequence

  private final int[] tokens; // [batch]
  private final float[] x; // [batch][dim] residual stream
  private final float[] norm; // [batch][dimStride] normalised residuals
  private final float[] query; // [batch][queryStride]
  private final float[] key; // [batch][kvStride]
  private final float[] value; // [batch][kvStride]
  private final float[] attended; // [batch][queryStride]
  private final float[] projected; // [batch][dimStride] what a sublayer adds to the residual
  private final float[][] added; // [threads][dim] what a sublayer adds, normalised
  private final float[] gate; // [batch][ffnStride]
  private final float[] up; // [batch][ffnStride]
  private final int logitsStride;
  private float[] logits = {}; // [tokens, at most LOGITS_BATCH][logitsStride], when first wanted
  private final Activations dimInput;
  private final Activations queryInput;
  private final Activations ffnInput;

  /* The matrices of each product and where it goes, as arrays so that a product makes no garbage. */
  private final Matrix[][] qkv; // [layers][3]
  private final Matrix[][] attentionOutput; // [layers][1]
  private final Matrix[][] ffnInputs; // [layers][2], or [layers][1] for experts
  private final Matrix[][] down; // [layers][1]
  private final Matrix[] output;
  private final float[][] qkvOut;
  private final float[][] gateUpOut;
  private final float[][] projectedOut;
  private final float[][] logitsOut = new float[1][];

  private final int dimStride;
  private final int queryStride;
  private final int kvStride;
  private final int ffnStride;

  private final WorkerPool.Task embedTask = each(this::embed);
  private final WorkerPool.Task headsTask = each(this::completeAndStore);
  private final WorkerPool.Task residualTask = each(this::addAndNormalise);
  private final WorkerPool.Task lastResidualTask = each(this::add);
  private final PackStep.Before activation = this::activate;

  private int limit;
  private int count;
  private int layer;
  private float[] bias; // of what is added to the residual, or null
  private float[] addedNorm; // weights of the norm of what is added, or null
  private float[] nextNorm; // weights of the norm that follows the residual addition, or null

  ForwardPass(ModelConfig config, ModelWeights weights, WorkerPool pool, int maxTokens) {
    this.config = config;
    this.weights = weights;
    this.pool = pool;
    maxBatch = VectorShape.roundUp(maxTokens, Activations.GROUP);
    attention = new AttentionStep(config.cacheShape(), pool.threads());
    batch = new TokenBatch(maxBatch);
    tokens = new int[maxBatch];
    MatMulScratch[] scratch = new MatMulScratch[pool.threads()];
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] = new MatMulScratch();
    }
    matMul = new MatMul(scratch);
    packing = new PackStep(pool, scratch);
    dimStride = stride(config.dim());
    queryStride = stride(config.queryDim());
    kvStride = stride(config.kvDim());
    ffnStride = stride(config.ffnDim());
    x = new float[maxBatch * config.dim()];
    boolean mixture = config.experts().count() > 0;
    heads = new HeadStep(config, weights.rotations(), pool.threads(), maxBatch);
    query = new float[maxBatch * queryStride];
    key = new float[maxBatch * kvStride];
    value = new float[maxBatch * kvStride];
    attended = new float[maxBatch * queryStride];
    projected = new float[maxBatch * dimStride];
    // What was projected is used up when a sum is normalised, but experts still read that then.
    norm = mixture ? new float[maxBatch * dimStride] : projected;
    added = new float[pool.threads()][config.architecture().outputNorms() ? config.dim() : 0];
    gate = new float[mixture ? 0 : maxBatch * ffnStride];
    up = new float[gate.length];
    logitsStride = MatMul.stride(weights.output());
    qkvOut = new float[][] {query, key, value};
    gateUpOut = new float[][] {gate, up};
    projectedOut = new float[][] {projected};
    qkv =
        layers(
            l -> new Matrix[] {l.attention().query(), l.attention().key(), l.attention().value()});
    attentionOutput = layers(l -> new Matrix[] {l.attention().output()});
    ffnInputs = layers(ModelWeights.Layer::ffnInputs);
    down = layers(l -> mixture ? new Matrix[0] : new Matrix[] {l.feedForward().down()});
    output = new Matrix[] {weights.output()};
    int dimForms = forms(qkv) | forms(ffnInputs) | forms(output);
    dimInput = new Activations(config.dim(), maxBatch, dimForms);
    queryInput = new Activations(config.queryDim(), maxBatch, forms(attentionOutput));
    ffnInput = new Activations(config.ffnDim(), maxBatch, forms(down));
    experts =
        mixture ? new ExpertStep(config, weights.layers(), pool, matMul, scratch, maxBatch) : null;
  }

  private Matrix[][] layers(Function<ModelWeights.Layer, Matrix[]> matrices) {
    return weights.layers().stream().map(matrices).toArray(Matrix[][]::new);
  }

  /** The packed forms that products with these matrices read, for a batch or a single token. */
  private static int forms(Matrix[]... matrices) {
    int forms = 0;
    for (Matrix[] group : matrices) {
      forms |= MatMul.formsUpTo(MAX_BATCH, group);
    }
    return forms;
  }

  private static int stride(int rows) {
    return VectorShape.roundUp(rows, Matrix.ROW_BLOCK);
  }

  /** What is done to each token of a batch. */
  @FunctionalInterface
  private interface TokenStep {
    void run(int token, int worker);
  }

  private WorkerPool.Task each(TokenStep step) {
    return (part, worker) -> {
      int end = Math.min((part + 1) * Activations.GROUP, count);
      for (int token = part * Activations.GROUP; token < end; token++) {
        step.run(token, worker);
      }
    };
  }

  /** Most tokens of a batch. */
  int most() {
    return maxBatch;
  }

  /**
   * Begins another batch.
   *
   * @param most tokens that it may have, of those that it has room for
   */
  void clear(int most) {
    limit = Math.min(most, maxBatch);
    batch.clear();
    rotations.clear();
  }

  /**
   * Adds as many of {@code tokens[from, to)} as the batch and the cache have room for.
   *
   * @param cache at whose next positions they are; it has none in the batch yet
   * @param rotations of the sequence
   * @return how many, perhaps none
   */
  int add(KvCache cache, List<RotaryEmbedding> rotations, int[] tokens, int from, int to) {
    int start = batch.tokens();
    int added = Math.min(Math.min(limit - start, cache.room()), to - from);
    if (added > 0) {
      System.arraycopy(tokens, from, this.tokens, start, added);
      batch.add(cache, added);
      this.rotations.add(rotations);
    }
    return added;
  }

  /**
   * Runs the batch.
   *
   * @param observer of the attention outputs, or null
   */
  void run(AttentionObserver observer) {
    count = batch.tokens();
    for (int s = 0; s < batch.sequences(); s++) {
      batch.cache(s).begin(pool);
    }
    normAndPack(weights.layers().getFirst().attention().norm(), qkv[0], embedTask);
    for (layer = 0; layer < config.layers(); layer++) {
      ModelWeights.Layer weights = this.weights.layers().get(layer);
      ModelWeights.Attention attention = weights.attention();
      matMul.run(pool, dimInput, qkv[layer], qkvOut);
      for (int s = 0; s < batch.sequences(); s++) {
        batch.cache(s).extend(layer, batch.count(s));
      }
      forEachToken(headsTask);
      this.attention.run(pool, batch, layer, query, attended, queryStride);
      if (observer != null) {
        observer.attended(layer, count, attended, queryStride);
      }
      packing.start(count, queryInput, attentionOutput[layer], attended, queryStride, null);
      packing.run();
      matMul.run(pool, queryInput, attentionOutput[layer], projectedOut);
      toAdd(attention.outputBias(), attention.outputNorm());
      normAndPack(weights.ffnNorm(), ffnInputs[layer], residualTask);
      feedForward(weights);
      toAdd(null, weights.ffnOutputNorm());
      if (layer + 1 < config.layers()) {
        float[] norm = this.weights.layers().get(layer + 1).attention().norm();
        normAndPack(norm, qkv[layer + 1], residualTask);
      } else {
        forEachToken(lastResidualTask);
      }
    }
    for (int s = 0; s < batch.sequences(); s++) {
      batch.cache(s).end(pool, batch.count(s));
    }
  }

  private void feedForward(ModelWeights.Layer weights) {
    if (experts != null) {
      experts.run(weights, dimInput, norm, projected);
      return;
    }
    matMul.run(pool, dimInput, ffnInputs[layer], gateUpOut);
    packing.start(count, ffnInput, down[layer], gate, ffnStride, activation);
    packing.run();
    matMul.run(pool, ffnInput, down[layer], projectedOut);
  }

  /** Tokens in the batch. */
  int tokens() {
    return batch.tokens();
  }

  /**
   * The logits after some tokens of the batch.
   *
   * @param tokens indices in the batch, of which the first {@code n} count
   * @param sink is told the index in {@code tokens}
   */
  void logits(int[] tokens, int n, LogitsSink sink) {
    int together = n == 1 ? 1 : VectorShape.roundUp(Math.min(n, LOGITS_BATCH), Activations.GROUP);
    if (logits.length < together * logitsStride) {
      logits = new float[together * logitsStride];
    }
    logitsOut[0] = logits;
    for (int from = 0; from < n; from += LOGITS_BATCH) {
      int m = Math.min(LOGITS_BATCH, n - from);
      for (int i = 0; i < m; i++) {
        normalise(tokens[from + i], weights.outputNorm(), i);
      }
      packing.start(m, dimInput, output, norm, dimStride, null);
      packing.run();
      matMul.run(pool, dimInput, output, logitsOut);
      for (int i = 0; i < m; i++) {
        scaleLogits(i * logitsStride);
        sink.accept(from + i, logits, i * logitsStride);
      }
    }
  }

  private void scaleLogits(int offset) {
    ModelConfig.Scales scales = config.scales();
    if (scales.logits() != 1) {
      VectorMath.scale(logits, offset, config.vocabulary(), 1 / scales.logits());
    }
    if (scales.logitCap() > 0) {
      VectorMath.softCap(logits, offset, config.vocabulary(), scales.logitCap());
    }
  }

  /** What is done to the next addition to the residual. */
  private void toAdd(float[] bias, float[] norm) {
    this.bias = bias;
    addedNorm = norm;
  }

  /** Runs a task that ends with {@link #normalise(int, int)}, and packs for {@code next}. */
  private void normAndPack(float[] norm, Matrix[] next, WorkerPool.Task task) {
    nextNorm = norm;
    if (norm != null) {
      packing.start(count, dimInput, next, this.norm, dimStride, null);
    } else {
      packing.start(count, dimInput, next, x, config.dim(), null);
    }
    forEachToken(task);
    if (packing.isShared()) {
      packing.run();
    }
  }

  private void forEachToken(WorkerPool.Task task) {
    pool.run(task, Math.ceilDiv(count, Activations.GROUP));
  }

  private void embed(int token, int worker) {
    int dim = config.dim();
    weights.embedding().row(tokens[token], x, token * dim);
    if (config.scales().embedding() != 1) {
      VectorMath.scale(x, token * dim, dim, config.scales().embedding());
    }
    heads.position(token, position(token), rotations.get(batch.sequence(token)));
    normalise(token, worker);
  }

  private int position(int token) {
    int sequence = batch.sequence(token);
    return batch.cache(sequence).position() + token - batch.start(sequence);
  }

  /** Normalises a token for the next product, and packs it unless threads share its columns. */
  private void normalise(int token, int worker) {
    if (nextNorm != null) {
      normalise(token, nextNorm, token);
    }
    if (!packing.isShared()) {
      packing.pack(token, worker);
    }
  }

  private void normalise(int token, float[] weight, int row) {
    int o = token * config.dim();
    VectorMath.rmsNorm(x, o, weight, config.normEpsilon(), norm, row * dimStride);
  }

  private void completeAndStore(int token, int worker) {
    int sequence = batch.sequence(token);
    int q = token * queryStride;
    int k = token * kvStride;
    ModelWeights.Attention attention = weights.layers().get(layer).attention();
    List<RotaryEmbedding> rotations = this.rotations.get(sequence);
    heads.run(layer, attention, rotations, token, position(token), query, q, key, value, k, worker);
    batch
        .cache(sequence)
        .store(layer, batch.count(sequence), token - batch.start(sequence), key, value, k);
  }

  private void add(int token, int worker) {
    int dim = config.dim();
    int to = token * dim;
    int from = token * dimStride;
    if (bias != null) {
      VectorMath.add(projected, from, bias, 0, dim);
    }
    float[] added = projected;
    if (addedNorm != null) {
      added = this.added[worker];
      VectorMath.rmsNorm(projected, from, addedNorm, config.normEpsilon(), added, 0);
      from = 0;
    }
    float scale = config.scales().residual();
    if (scale == 1) {
      VectorMath.add(x, to, added, from, dim);
    } else {
      VectorMath.addScaled(x, to, added, from, dim, scale);
    }
  }

  private void addAndNormalise(int token, int worker) {
    add(token, worker);
    normalise(token, worker);
  }

  private void activate(int token, int from, int to) {
    int o = token * ffnStride + from;
    activate(config.architecture().activation(), gate, up, o, to - from);
  }

  /** {@code gate = activation(gate) * up} for {@code n} elements. */
  static void activate(Activation activation, float[] gate, float[] up, int offset, int n) {
    switch (activation) {
      case SILU -> VectorMath.swiGlu(gate, up, offset, n);
      case GELU -> VectorMath.geGlu(gate, up, offset, n);
    }
  }
}
