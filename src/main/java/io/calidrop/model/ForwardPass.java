package io.calidrop.model;

import io.calidrop.attention.AttentionStep;
import io.calidrop.attention.KvCache;
import io.calidrop.attention.TokenBatch;
import io.calidrop.tensor.Activations;
import io.calidrop.tensor.MatMul;
import io.calidrop.tensor.MatMulScratch;
import io.calidrop.tensor.Matrix;
import io.calidrop.tensor.VectorMath;
import io.calidrop.tensor.VectorShape;
import io.calidrop.tensor.WorkerPool;
import java.util.function.Function;

/**
 * The transformer itself: a batch of tokens, of one sequence or several, through all layers (arXiv
 * 2302.13971). Everything between two matrix products is done token by token, by the caller when
 * there is one token and shared out in groups of {@link Activations#GROUP} when there are more;
 * either way with the same operations, so that a token's result does not depend on what else is in
 * the batch.
 */
final class ForwardPass {
  /** Tokens of a batch that make the most of every weight that is read. */
  static final int MAX_BATCH = 256;

  /** Tokens whose logits are computed together. */
  private static final int LOGITS_BATCH = 16;

  private final LlamaConfig config;
  private final LlamaWeights weights;
  private final WorkerPool pool;
  private final AttentionStep attention;
  private final MatMulScratch[] scratch;
  private final MatMul matMul;
  private final int maxBatch;
  private final TokenBatch batch;

  private final int[] tokens; // [batch]
  private final float[] x; // [batch][dim] residual stream
  private final float[] norm; // [threads][dim] normalised residual of a token
  private final float[] angles; // [batch][rope pairs][2] cosines and sines
  private final float[] query; // [batch][queryStride]
  private final float[] key; // [batch][kvStride]
  private final float[] value; // [batch][kvStride]
  private final float[] attended; // [batch][queryStride]
  private final float[] projected; // [batch][dimStride] what a sublayer adds to the residual
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
  private final Matrix[][] gateUp; // [layers][2]
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
  private final WorkerPool.Task rotateTask = each(this::rotateAndStore);
  private final WorkerPool.Task attendedTask = each(this::packAttended);
  private final WorkerPool.Task residualTask = each(this::addAndNormalise);
  private final WorkerPool.Task lastResidualTask = each(this::add);
  private final WorkerPool.Task ffnTask = each(this::activateAndPack);

  private int count;
  private int layer;
  private float[] nextNorm; // weights of the norm that follows the residual addition
  private int forms; // packed forms that the next product wants

  ForwardPass(LlamaConfig config, LlamaWeights weights, WorkerPool pool, int maxTokens) {
    this.config = config;
    this.weights = weights;
    this.pool = pool;
    maxBatch = VectorShape.roundUp(maxTokens, Activations.GROUP);
    attention = new AttentionStep(config.cacheShape(), pool.threads());
    batch = new TokenBatch(maxBatch);
    tokens = new int[maxBatch];
    scratch = new MatMulScratch[pool.threads()];
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] = new MatMulScratch();
    }
    matMul = new MatMul(scratch);
    dimStride = stride(config.dim());
    queryStride = stride(config.queryDim());
    kvStride = stride(config.kvDim());
    ffnStride = stride(config.ffnDim());
    x = new float[maxBatch * config.dim()];
    norm = new float[pool.threads() * config.dim()];
    angles = new float[maxBatch * 2 * weights.rope().pairs()];
    query = new float[maxBatch * queryStride];
    key = new float[maxBatch * kvStride];
    value = new float[maxBatch * kvStride];
    attended = new float[maxBatch * queryStride];
    projected = new float[maxBatch * dimStride];
    gate = new float[maxBatch * ffnStride];
    up = new float[maxBatch * ffnStride];
    logitsStride = MatMul.stride(weights.output());
    qkvOut = new float[][] {query, key, value};
    gateUpOut = new float[][] {gate, up};
    projectedOut = new float[][] {projected};
    qkv = layers(l -> new Matrix[] {l.query(), l.key(), l.value()});
    attentionOutput = layers(l -> new Matrix[] {l.attentionOutput()});
    gateUp = layers(l -> new Matrix[] {l.gate(), l.up()});
    down = layers(l -> new Matrix[] {l.down()});
    output = new Matrix[] {weights.output()};
    int dimForms = forms(qkv) | forms(gateUp) | forms(output);
    dimInput = new Activations(config.dim(), maxBatch, dimForms);
    queryInput = new Activations(config.queryDim(), maxBatch, forms(attentionOutput));
    ffnInput = new Activations(config.ffnDim(), maxBatch, forms(down));
  }

  private Matrix[][] layers(Function<LlamaWeights.Layer, Matrix[]> matrices) {
    return weights.layers().stream().map(matrices).toArray(Matrix[][]::new);
  }

  /** The packed forms that products with these matrices read, for a batch or a single token. */
  private static int forms(Matrix[]... matrices) {
    int forms = 0;
    for (Matrix[] group : matrices) {
      forms |= MatMul.forms(1, group) | MatMul.forms(2, group);
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

  /** Begins another batch. */
  void clear() {
    batch.clear();
  }

  /**
   * Adds as many of {@code tokens[from, to)} as the batch and the cache have room for.
   *
   * @param cache at whose next positions they are; it has none in the batch yet
   * @return how many, perhaps none
   */
  int add(KvCache cache, int[] tokens, int from, int to) {
    int start = batch.tokens();
    int added = Math.min(Math.min(maxBatch - start, cache.room()), to - from);
    if (added > 0) {
      System.arraycopy(tokens, from, this.tokens, start, added);
      batch.add(cache, added);
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
    normAndPack(weights.layers().getFirst().attentionNorm(), qkv[0], embedTask);
    for (layer = 0; layer < config.layers(); layer++) {
      LlamaWeights.Layer weights = this.weights.layers().get(layer);
      matMul.run(pool, dimInput, qkv[layer], qkvOut);
      for (int s = 0; s < batch.sequences(); s++) {
        batch.cache(s).extend(layer, batch.count(s));
      }
      forEachToken(rotateTask);
      attention.run(pool, batch, layer, query, attended, queryStride);
      if (observer != null) {
        observer.attended(layer, count, attended, queryStride);
      }
      pack(queryInput, attentionOutput[layer], attendedTask);
      matMul.run(pool, queryInput, attentionOutput[layer], projectedOut);
      normAndPack(weights.ffnNorm(), gateUp[layer], residualTask);
      matMul.run(pool, dimInput, gateUp[layer], gateUpOut);
      pack(ffnInput, down[layer], ffnTask);
      matMul.run(pool, ffnInput, down[layer], projectedOut);
      if (layer + 1 < config.layers()) {
        float[] norm = this.weights.layers().get(layer + 1).attentionNorm();
        normAndPack(norm, qkv[layer + 1], residualTask);
      } else {
        forEachToken(lastResidualTask);
      }
    }
    for (int s = 0; s < batch.sequences(); s++) {
      batch.cache(s).end(pool, batch.count(s));
    }
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
      dimInput.start(m);
      forms = MatMul.forms(m, output);
      for (int i = 0; i < m; i++) {
        int o = tokens[from + i] * config.dim();
        VectorMath.rmsNorm(x, o, weights.outputNorm(), config.normEpsilon(), norm, 0);
        dimInput.pack(i, norm, 0, forms, scratch[0].quantised);
      }
      matMul.run(pool, dimInput, output, logitsOut);
      for (int i = 0; i < m; i++) {
        sink.accept(from + i, logits, i * logitsStride);
      }
    }
  }

  private void normAndPack(float[] norm, Matrix[] next, WorkerPool.Task task) {
    nextNorm = norm;
    pack(dimInput, next, task);
  }

  /** Runs a task that packs the batch as the input of the product with {@code next}. */
  private void pack(Activations input, Matrix[] next, WorkerPool.Task task) {
    input.start(count);
    forms = MatMul.forms(count, next);
    forEachToken(task);
  }

  private void forEachToken(WorkerPool.Task task) {
    pool.run(task, Math.ceilDiv(count, Activations.GROUP));
  }

  private void embed(int token, int worker) {
    int sequence = batch.sequence(token);
    int position = batch.cache(sequence).position() + token - batch.start(sequence);
    weights.embedding().row(tokens[token], x, token * config.dim());
    weights.rope().angles(position, angles, token * 2 * weights.rope().pairs());
    normalise(token, worker);
  }

  private void normalise(int token, int worker) {
    int dim = config.dim();
    int o = worker * dim;
    VectorMath.rmsNorm(x, token * dim, nextNorm, config.normEpsilon(), norm, o);
    dimInput.pack(token, norm, o, forms, scratch[worker].quantised);
  }

  private void rotateAndStore(int token, int worker) {
    RotaryEmbedding rope = weights.rope();
    int a = token * 2 * rope.pairs();
    rope.rotate(query, token * queryStride, config.heads(), angles, a);
    rope.rotate(key, token * kvStride, config.kvHeads(), angles, a);
    int sequence = batch.sequence(token);
    batch
        .cache(sequence)
        .store(
            layer,
            batch.count(sequence),
            token - batch.start(sequence),
            key,
            value,
            token * kvStride);
  }

  private void packAttended(int token, int worker) {
    queryInput.pack(token, attended, token * queryStride, forms, scratch[worker].quantised);
  }

  private void add(int token, int worker) {
    int dim = config.dim();
    VectorMath.add(x, token * dim, projected, token * dimStride, dim);
  }

  private void addAndNormalise(int token, int worker) {
    add(token, worker);
    normalise(token, worker);
  }

  private void activateAndPack(int token, int worker) {
    int o = token * ffnStride;
    VectorMath.swiGlu(gate, up, o, config.ffnDim());
    ffnInput.pack(token, gate, o, forms, scratch[worker].quantised);
  }
}
