package io.calidrop.model;

import io.calidrop.attention.AttentionStep;
import io.calidrop.attention.KvCache;
import io.calidrop.attention.KvType;
import io.calidrop.tensor.WorkerPool;

/** The mutable state of one conversation: its KV cache, its position and every buffer of a pass. */
public final class InferenceSession {
  private final LlamaConfig config;
  private final int contextLength;
  private final KvCache cache;
  private final ForwardPass pass;
  private int position;

  InferenceSession(
      LlamaConfig config, LlamaWeights weights, WorkerPool pool, int contextLength, KvType kvType) {
    if (contextLength < 1) {
      throw new IllegalArgumentException("context length must be at least 1, not " + contextLength);
    }
    this.config = config;
    this.contextLength = contextLength;
    cache = new KvCache(config.layers(), config.kvHeads(), config.headDim(), kvType);
    AttentionStep attention =
        new AttentionStep(config.heads(), config.kvHeads(), config.headDim(), pool.threads());
    pass = new ForwardPass(config, weights, pool, cache, attention, contextLength);
  }

  /** Positions seen so far: the position of the next token. */
  public int position() {
    return position;
  }

  public int contextLength() {
    return contextLength;
  }

  /** Bytes that the KV cache holds now. */
  public long kvBytes() {
    return cache.bytes();
  }

  /** Forgets every position from {@code position} on. */
  public void truncate(int position) {
    if (position < 0 || position > this.position) {
      throw new IllegalArgumentException(
          "cannot go to position %d of %d".formatted(position, this.position));
    }
    cache.truncate(position);
    this.position = position;
  }

  float[] forward(int[] tokens, int from, int to, boolean wantLogits, LogitsSink sink) {
    check(tokens, from, to);
    float[] logits = null;
    for (int start = from; start < to; start += pass.maxBatch()) {
      int end = Math.min(start + pass.maxBatch(), to);
      pass.run(tokens, start, end, position);
      position += end - start;
      if (sink != null) {
        pass.logits(start, sink);
      } else if (wantLogits && end == to) {
        logits = pass.lastLogits();
      }
    }
    return logits;
  }

  private void check(int[] tokens, int from, int to) {
    if (from < 0 || from >= to || to > tokens.length) {
      throw new IllegalArgumentException(
          "no tokens in [%d, %d) of %d".formatted(from, to, tokens.length));
    }
    if (to - from > contextLength - position) {
      throw new IllegalArgumentException(
          "%d tokens do not fit: %d of %d positions are taken"
              .formatted(to - from, position, contextLength));
    }
    for (int i = from; i < to; i++) {
      if (tokens[i] < 0 || tokens[i] >= config.vocabulary()) {
        throw new IllegalArgumentException(
            "token %d is not in the vocabulary of %d".formatted(tokens[i], config.vocabulary()));
      }
    }
  }
}
