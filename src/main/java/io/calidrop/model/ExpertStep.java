package io.calidrop.model;

import io.calidrop.model.family.Architecture.Activation;
import io.calidrop.tensor.Activations;
import io.calidrop.tensor.MatMul;
import io.calidrop.tensor.MatMulScratch;
import io.calidrop.tensor.Matrix;
import io.calidrop.tensor.VectorMath;
import io.calidrop.tensor.WorkerPool;
import java.util.Arrays;
import java.util.List;

/**
 * A mixture of experts as a feed-forward layer (arXiv 2401.04088): a router picks some experts for
 * each token, whose outputs are added with its softmax over the picked as weights. Tokens of a
 * batch that go through the same expert go together, so that only the chosen experts' weights are
 * read, and once. Outputs are added in the order of the experts' numbers, whatever the batch.
 */
final class ExpertStep {
  /** Most tokens that go through an expert together. */
  private static final int JOB_TOKENS = 64;

  /** Tokens that go through one expert, and room for what comes out of it. */
  private static final class Job {
    final Activations input;
    final Activations hidden;
    final float[] gate;
    final float[] up;
    final float[] out;
    final int[] tokens = new int[JOB_TOKENS];
    int count;

    Job(Activations input, Activations hidden, int ffnStride, int dimStride) {
      this.input = input;
      this.hidden = hidden;
      gate = new float[JOB_TOKENS * ffnStride];
      up = new float[JOB_TOKENS * ffnStride];
      out = new float[JOB_TOKENS * dimStride];
    }
  }

  private final int dim;
  private final int ffnDim;
  private final int experts;
  private final int used;
  private final Activation activation;
  private final WorkerPool pool;
  private final MatMul matMul;
  private final MatMulScratch[] scratch;
  private final int routerStride;
  private final int ffnStride;
  private final int dimStride;
  private final float[] scores; // [batch][routerStride]
  private final int[] chosen; // [batch][used] experts of each token, ascending
  private final float[] shares; // [batch][used] their weights
  private final int[] firstJob; // [experts + 1] that an expert's tokens are in, then the end
  private final int[] assigned; // [experts] tokens
  private final int[] place; // [batch][used] of a token among those of its expert
  private final Job[] jobs; // of one round, as many as experts that a token uses
  private final Activations[] inputs; // [jobs][2]
  private final Matrix[] matrices; // [jobs][2]
  private final float[][] products; // [jobs][2]
  private final float[][] routerOut;
  private final WorkerPool.Task routeTask = this::route;
  private final WorkerPool.Task packTask = this::pack;
  private final WorkerPool.Task activateTask = this::activate;
  private final WorkerPool.Task addTask = this::add;

  private ModelWeights.Layer layer;
  private float[] x;
  private float[] sum;
  private int tokens;
  private int from; // jobs of the round
  private int to;
  private int jobGroups; // groups of tokens of the round's largest job
  private int inputForms;
  private int hiddenForms;

  ExpertStep(
      ModelConfig config,
      List<ModelWeights.Layer> layers,
      WorkerPool pool,
      MatMul matMul,
      MatMulScratch[] scratch,
      int maxBatch) {
    this.pool = pool;
    this.matMul = matMul;
    this.scratch = scratch;
    dim = config.dim();
    ffnDim = config.experts().ffnDim();
    experts = config.experts().count();
    used = config.experts().used();
    activation = config.architecture().activation();
    ModelWeights.FeedForward some = layers.getFirst().experts().getFirst();
    routerStride = MatMul.stride(layers.getFirst().router());
    ffnStride = MatMul.stride(some.gate());
    dimStride = MatMul.stride(some.down());
    scores = new float[maxBatch * routerStride];
    routerOut = new float[][] {scores};
    chosen = new int[maxBatch * used];
    shares = new float[maxBatch * used];
    place = new int[maxBatch * used];
    firstJob = new int[experts + 1];
    assigned = new int[experts];
    int gates = forms(layers, true);
    int downs = forms(layers, false);
    jobs = new Job[used];
    for (int i = 0; i < used; i++) {
      jobs[i] =
          new Job(
              new Activations(dim, JOB_TOKENS, gates),
              new Activations(ffnDim, JOB_TOKENS, downs),
              ffnStride,
              dimStride);
    }
    inputs = new Activations[2 * used];
    matrices = new Matrix[2 * used];
    products = new float[2 * used][];
  }

  private static int forms(List<ModelWeights.Layer> layers, boolean inputs) {
    int forms = 0;
    for (ModelWeights.Layer layer : layers) {
      for (ModelWeights.FeedForward expert : layer.experts()) {
        forms |=
            inputs
                ? MatMul.formsUpTo(JOB_TOKENS, expert.gate(), expert.up())
                : MatMul.formsUpTo(JOB_TOKENS, expert.down());
      }
    }
    return forms;
  }

  /**
   * Runs the layer.
   *
   * @param routed the tokens, packed for the router
   * @param x [tokens][stride of dim], the same tokens
   * @param out [tokens][stride of dim], overwritten
   */
  void run(ModelWeights.Layer layer, Activations routed, float[] x, float[] out) {
    this.layer = layer;
    this.x = x;
    sum = out;
    tokens = routed.tokens();
    matMul.run(pool, routed, layer.ffnInputs(), routerOut);
    int groups = Math.ceilDiv(tokens, Activations.GROUP);
    pool.run(routeTask, groups);
    int end = assign();
    for (from = 0; from < end; from = to) {
      to = Math.min(from + jobs.length, end);
      fill();
      pool.run(packTask, (to - from) * jobGroups);
      multiplyGates();
      pool.run(activateTask, (to - from) * jobGroups);
      multiplyDowns();
      pool.run(addTask, groups);
    }
  }

  /** Picks the experts of some tokens; of equals the one with the lower number. */
  private void route(int part, int worker) {
    int end = Math.min((part + 1) * Activations.GROUP, tokens);
    for (int token = part * Activations.GROUP; token < end; token++) {
      int o = token * routerStride;
      int c = token * used;
      for (int i = 0; i < used; i++) {
        int best = -1;
        for (int e = 0; e < experts; e++) {
          if ((best < 0 || scores[o + e] > scores[o + best]) && !isChosen(c, i, e)) {
            best = e;
          }
        }
        chosen[c + i] = best;
      }
      float max = scores[o + chosen[c]];
      Arrays.sort(chosen, c, c + used);
      float total = 0;
      for (int i = c; i < c + used; i++) {
        shares[i] = VectorMath.exp(scores[o + chosen[i]] - max);
        total += shares[i];
      }
      for (int i = c; i < c + used; i++) {
        shares[i] /= total;
      }
      Arrays.fill(sum, token * dimStride, token * dimStride + dim, 0f);
    }
  }

  private boolean isChosen(int offset, int count, int expert) {
    for (int i = offset; i < offset + count; i++) {
      if (chosen[i] == expert) {
        return true;
      }
    }
    return false;
  }

  /** Gives each expert's tokens places in jobs; returns how many jobs there are. */
  private int assign() {
    Arrays.fill(assigned, 0);
    for (int i = 0; i < tokens * used; i++) {
      place[i] = assigned[chosen[i]]++;
    }
    for (int e = 0; e < experts; e++) {
      firstJob[e + 1] = firstJob[e] + Math.ceilDiv(assigned[e], JOB_TOKENS);
    }
    return firstJob[experts];
  }

  /** The job that a token's use of an expert is in. */
  private int job(int use) {
    return firstJob[chosen[use]] + place[use] / JOB_TOKENS;
  }

  /** Tells the round's jobs their experts and tokens. */
  private void fill() {
    for (int i = 0; i < to - from; i++) {
      jobs[i].count = 0;
    }
    for (int use = 0; use < tokens * used; use++) {
      int job = job(use);
      if (job >= from && job < to) {
        jobs[job - from].tokens[jobs[job - from].count++] = use / used;
      }
    }
    int most = 0;
    inputForms = 0;
    hiddenForms = 0;
    for (int i = 0; i < to - from; i++) {
      Job job = jobs[i];
      ModelWeights.FeedForward expert = expert(from + i);
      job.input.start(job.count);
      job.hidden.start(job.count);
      most = Math.max(most, job.count);
      inputForms |= expert.gate().forms(job.count) | expert.up().forms(job.count);
      hiddenForms |= expert.down().forms(job.count);
    }
    jobGroups = Math.ceilDiv(most, Activations.GROUP);
  }

  private ModelWeights.FeedForward expert(int job) {
    int expert = 0;
    while (firstJob[expert + 1] <= job) {
      expert++;
    }
    return layer.experts().get(expert);
  }

  private void pack(int part, int worker) {
    Job job = jobs[part / jobGroups];
    int first = part % jobGroups * Activations.GROUP;
    for (int i = first; i < Math.min(first + Activations.GROUP, job.count); i++) {
      job.input.pack(i, x, job.tokens[i] * dimStride, inputForms, scratch[worker].quantised);
    }
  }

  private void multiplyGates() {
    for (int i = 0; i < to - from; i++) {
      ModelWeights.FeedForward expert = expert(from + i);
      inputs[2 * i] = jobs[i].input;
      inputs[2 * i + 1] = jobs[i].input;
      matrices[2 * i] = expert.gate();
      matrices[2 * i + 1] = expert.up();
      products[2 * i] = jobs[i].gate;
      products[2 * i + 1] = jobs[i].up;
    }
    matMul.run(pool, inputs, matrices, products, 2 * (to - from));
  }

  private void activate(int part, int worker) {
    Job job = jobs[part / jobGroups];
    int first = part % jobGroups * Activations.GROUP;
    for (int i = first; i < Math.min(first + Activations.GROUP, job.count); i++) {
      int o = i * ffnStride;
      ForwardPass.activate(activation, job.gate, job.up, o, ffnDim);
      job.hidden.pack(i, job.gate, o, hiddenForms, scratch[worker].quantised);
    }
  }

  private void multiplyDowns() {
    for (int i = 0; i < to - from; i++) {
      inputs[i] = jobs[i].hidden;
      matrices[i] = expert(from + i).down();
      products[i] = jobs[i].out;
    }
    matMul.run(pool, inputs, matrices, products, to - from);
  }

  /** Adds what the round's experts gave to the sums of some tokens. */
  private void add(int part, int worker) {
    int end = Math.min((part + 1) * Activations.GROUP, tokens) * used;
    for (int use = part * Activations.GROUP * used; use < end; use++) {
      int job = job(use);
      if (job >= from && job < to) {
        int row = place[use] % JOB_TOKENS * dimStride;
        int at = use / used * dimStride;
        VectorMath.addScaled(sum, at, jobs[job - from].out, row, dim, shares[use]);
      }
    }
  }
}
