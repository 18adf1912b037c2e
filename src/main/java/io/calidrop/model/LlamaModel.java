package io.calidrop.model;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.PromptRecord;
import io.calidrop.attention.StateStreams;
import io.calidrop.tensor.WorkerPool;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
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

  /** A session that goes on from where another stands; both may go on. */
  public synchronized InferenceSession fork(InferenceSession session) {
    InferenceSession fork = newSession(session.contextLength(), session.cacheOptions());
    ByteArrayOutputStream state = new ByteArrayOutputStream();
    session.transfer(StateStreams.to(state));
    fork.transfer(StateStreams.from(new ByteArrayInputStream(state.toByteArray())));
    return fork;
  }

  /**
   * Attends the prompt {@code tokens[from, to)} once, for sessions of any policy and calibration to
   * {@linkplain InferenceSession#adopt begin with}.
   *
   * @param window tokens at the end that policies may observe, {@link
   *     io.calidrop.attention.CacheBudget#window}
   * @param queries tokens at the end whose queries policies and calibrations may ask for
   */
  public synchronized PromptRecord record(
      int[] tokens, int from, int to, KvType kvType, int window, int queries) {
    int count = to - from;
    InferenceSession session =
        newSession(count, PromptRecord.options(kvType, count, Math.min(queries, count)));
    PromptRecord record = session.record(count, window);
    do {
      int end = record.nextMark();
      if (end > session.position()) {
        session.forward(tokens, from + session.position(), from + end, false, null);
      }
      record.mark();
    } while (session.position() < count);
    return record;
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
