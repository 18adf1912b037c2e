package io.calidrop.model;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.KvType;
import io.calidrop.tensor.WorkerPool;
import java.lang.foreign.Arena;

/**
 * A loaded model: immutable weights and the threads that compute with them. One forward pass runs
 * at a time; sessions may take turns.
 */
public final class LlamaModel implements AutoCloseable {
  private final LlamaConfig config;
  private final LlamaWeights weights;
  private final WorkerPool pool;
  private final Arena arena;

  LlamaModel(LlamaConfig config, LlamaWeights weights, WorkerPool pool, Arena arena) {
    this.config = config;
    this.weights = weights;
    this.pool = pool;
    this.arena = arena;
  }

  public LlamaConfig config() {
    return config;
  }

  public int threads() {
    return pool.threads();
  }

  /** Bytes of weights held in memory, beyond what is read from the mapped file. */
  public long residentBytes() {
    long bytes = weights.output().residentBytes();
    for (LlamaWeights.Layer layer : weights.layers()) {
      bytes +=
          layer.query().residentBytes()
              + layer.key().residentBytes()
              + layer.value().residentBytes()
              + layer.attentionOutput().residentBytes()
              + layer.gate().residentBytes()
              + layer.up().residentBytes()
              + layer.down().residentBytes();
    }
    return bytes;
  }

  /**
   * A new inference state with an empty cache.
   *
   * @param contextLength most positions it may hold
   */
  public InferenceSession newSession(int contextLength, KvType kvType) {
    return newSession(contextLength, CacheOptions.full(kvType));
  }

  /**
   * A new inference state with an empty cache.
   *
   * @param contextLength most positions it may hold; with a budget, where they are rebased
   */
  public InferenceSession newSession(int contextLength, CacheOptions options) {
    return new InferenceSession(config, weights, pool, contextLength, options);
  }

  /**
   * Runs {@code tokens[from, to)} through the model at the session's next positions and appends
   * them to its cache.
   *
   * @return the logits [vocabulary] after the last token, owned by the session and valid until its
   *     next call; null unless {@code wantLogits}
   * @throws IllegalArgumentException if a token is no token of the vocabulary or the tokens do not
   *     fit into the session's context; the session is then unchanged
   */
  public synchronized float[] forward(
      InferenceSession session, int[] tokens, int from, int to, boolean wantLogits) {
    return session.forward(tokens, from, to, wantLogits, null);
  }

  /**
   * Like {@link #forward}, with the logits after every token.
   *
   * @param sink called once for each token in order
   */
  public synchronized void forward(
      InferenceSession session, int[] tokens, int from, int to, LogitsSink sink) {
    session.forward(tokens, from, to, false, sink);
  }

  /** Frees the weights; sessions must not be used afterwards. */
  @Override
  public synchronized void close() {
    pool.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
