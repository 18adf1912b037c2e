package io.calidrop.model;

import io.calidrop.attention.AttendedPrompt;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheScratch;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.KvCache;
import io.calidrop.attention.StateTransfer;
import io.calidrop.tensor.WorkerPool;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/**
 * The mutable state of one conversation: its KV cache and its position. For one thread at a time;
 * sessions of one model may each have a thread.
 */
public final class InferenceSession implements AutoCloseable {
  /** Tokens before a piece of a prompt that is repeated: they tell where it begins. */
  private static final int OVERLAP = 8;

  /** Tokens at the end of a prompt that read single stored rows. */
  public static final int EXACT_END = 1024;

  private final ModelConfig config;
  private final WorkerPool pool;
  private final int contextLength;
  private final CacheOptions options;
  private final List<RotaryEmbedding> rotations;
  private final KvCache cache;
  private boolean promptExpected;
  private int[] promptTokens = {}; // that will be read again
  private int promptCount;
  private int readAgain; // of them
  private AttentionObserver observer; // or null
  private float[][] logits = new float[1][]; // [tokens][vocabulary], when first wanted

  InferenceSession(
      ModelConfig config,
      Rotations rotations,
      WorkerPool pool,
      CacheScratch scratch,
      int contextLength,
      CacheOptions options) {
    if (contextLength < 1) {
      throw new IllegalArgumentException("context length must be at least 1, not " + contextLength);
    }
    this.config = config;
    this.pool = pool;
    this.contextLength = contextLength;
    this.options = options;
    this.rotations = rotations.of(contextLength);
    cache =
        KvCache.of(
            config.cacheShape(),
            options,
            contextLength,
            scratch,
            rotations.ofLayers(contextLength));
  }

  /** Tokens seen so far. */
  public int position() {
    return (int) cache.seen();
  }

  /** Positions that a sequence has, or that a bounded one is rebased at. */
  public int contextLength() {
    return contextLength;
  }

  /**
   * Most tokens that the session takes: {@link #contextLength}, or {@link Integer#MAX_VALUE} where
   * the cache is bounded and positions can go on.
   */
  public int limit() {
    return cache.isEndless() ? Integer.MAX_VALUE : contextLength;
  }

  /** What the KV cache holds now, and what was done to keep it within its budget. */
  public CacheStatistics statistics() {
    return cache.statistics();
  }

  /** What each layer's KV cache holds; empty without a budget. */
  public List<CacheStatistics> layerStatistics() {
    return cache.layerStatistics();
  }

  /** How the KV cache is kept. */
  public CacheOptions cacheOptions() {
    return options;
  }

  /**
   * Shows the attention outputs of every coming batch that the session has to itself; null for
   * nobody.
   */
  public void observeAttention(AttentionObserver observer) {
    this.observer = observer;
  }

  AttentionObserver observer() {
    return observer;
  }

  /**
   * The logits [vocabulary] after the last token of the session's last {@link TokenRun} that was no
   * guess, valid until its next one.
   */
  public float[] logits() {
    return logits[0];
  }

  /** The logits after so many guessed tokens of the last {@link TokenRun}. */
  public float[] logits(int drafted) {
    return logits[drafted];
  }

  void logits(int drafted, float[] from, int offset) {
    if (logits.length <= drafted) {
      logits = Arrays.copyOf(logits, Math.max(drafted + 1, 2 * logits.length));
    }
    if (logits[drafted] == null) {
      logits[drafted] = new float[config.vocabulary()];
    }
    System.arraycopy(from, offset, logits[drafted], 0, config.vocabulary());
  }

  /**
   * Carries the session's state to a stream or from one; what follows is then the same to the bit.
   *
   * @throws IllegalArgumentException if what is read was saved with another model's shape, other
   *     options or another width of vectors
   */
  public void transfer(StateTransfer state) {
    cache.transfer(state);
  }

  /** See {@link Transformer#adopt}, which holds the lock of the threads that prune. */
  void adopt(AttendedPrompt prompt) {
    cache.adopt(pool, prompt);
  }

  AttendedPrompt record(int tokens, int window) {
    expectPrompt(tokens);
    return new AttendedPrompt(cache, config.cacheShape(), tokens, window);
  }

  /**
   * Announces that the next {@code tokens} tokens are a prompt. With a budget that is applied once,
   * they are attended whole before anything is evicted; without this call the tokens of the first
   * forward pass are the prompt. Beside a store all but the last {@value #EXACT_END} of them read
   * what was evicted lightly, run by run; tokens that were not announced read single rows.
   */
  public void expectPrompt(int tokens) {
    cache.expectPrompt(tokens);
    cache.readLightly(Math.max(0, tokens - EXACT_END));
    promptExpected = true;
    if (!cache.isReadingDue()) {
      promptCount = 0;
      readAgain = 0;
    }
  }

  /**
   * Keeps the first {@code tokens} tokens of the sequence whatever the policy says. Without a
   * budget they stay anyway.
   *
   * @throws IllegalArgumentException if they take more than half of the budget
   */
  public void pin(int tokens) {
    cache.pin(tokens);
  }

  /**
   * Makes sure that the session can go back to here, until the next mark. Where there is a budget
   * that takes a copy of what it bounds.
   */
  public void mark() {
    cache.mark();
  }

  /** Whether the session can begin with a prompt that was attended once for many. */
  public boolean canAdopt() {
    return cache.attendsPromptsWhole();
  }

  /** Whether the session can always go back to any position. */
  public boolean isRewindable() {
    return cache.isRewindable();
  }

  /** Whether the session can go back to its first {@code position} tokens. */
  public boolean canTruncate(int position) {
    return cache.canTruncate(position);
  }

  /**
   * Forgets every token from {@code position} on.
   *
   * @throws IllegalArgumentException if there are not so many, or unless {@link #canTruncate}
   */
  public void truncate(int position) {
    if (position < 0 || position > position()) {
      throw new IllegalArgumentException(
          "cannot go to position %d of %d".formatted(position, position()));
    }
    cache.truncate(position);
  }

  /** Adds as many of a run's tokens to a pass as there is room for; returns how many. */
  int addTo(ForwardPass pass, TokenRun run) {
    int certain = run.certain();
    if (cache.seen() == 0 && !promptExpected) {
      cache.expectPrompt(certain);
      promptCount = 0;
      readAgain = 0;
    }
    int end = run.drafted() == 0 ? run.to() : run.from() + Math.max(certain, room(run));
    boolean noted = cache.isToBeReadAgain();
    int added = pass.add(cache, rotations, run.tokens(), run.from(), end);
    if (noted) {
      note(run.tokens(), run.from(), added);
    }
    cache.draft(Math.max(0, added - certain));
    promptExpected &= added == 0;
    return added;
  }

  private void note(int[] tokens, int from, int count) {
    if (promptTokens.length < promptCount + count) {
      promptTokens = Arrays.copyOf(promptTokens, Math.max(promptCount + count, 2 * promptCount));
    }
    System.arraycopy(tokens, from, promptTokens, promptCount, count);
    promptCount += count;
  }

  /** Reads the prompt again and compresses the cache, if that is due. */
  void readAgain(ForwardPass pass, Supplier<int[]> instruction) {
    while (cache.isReadingDue()) {
      readPiece(pass, instruction);
    }
  }

  /**
   * Reads the next piece of the prompt again, if that is due; the last one compresses the cache.
   */
  void readPiece(ForwardPass pass, Supplier<int[]> instruction) {
    if (cache.isReadingDue()) {
      int next = read(pass, instruction.get(), promptTokens, readAgain, promptCount, true);
      readAgain = cache.isReadingDue() ? next : 0;
    }
  }

  /** Reads a whole prompt again, and compresses nothing. */
  void readAgain(ForwardPass pass, int[] instruction, int[] prompt) {
    for (int at = 0; at < prompt.length; ) {
      at = read(pass, instruction, prompt, at, prompt.length, false);
    }
  }

  /**
   * Reads a piece of a prompt {@code [at, end)} again, after all of it and an instruction to repeat
   * it.
   *
   * @param compressed whether the cache is compressed when it was the last piece
   * @return where the next one begins
   */
  private int read(
      ForwardPass pass, int[] instruction, int[] prompt, int at, int end, boolean compressed) {
    int[] asked = instruction.length + OVERLAP < pass.most() ? instruction : new int[0];
    int from = Math.max(0, at - OVERLAP);
    int to = Math.min(from + pass.most() - asked.length, end);
    int[] piece = Arrays.copyOf(asked, asked.length + to - from);
    System.arraycopy(prompt, from, piece, asked.length, to - from);
    cache.beginReading(piece.length);
    pass.clear(piece.length);
    pass.add(cache, rotations, piece, 0, piece.length);
    pass.run(null);
    cache.endReading(pool, compressed && to == end);
    return to;
  }

  private int room(TokenRun run) {
    return Math.min(run.to() - run.from(), cache.draftRoom());
  }

  /**
   * @throws IllegalArgumentException if a token is no token of the vocabulary or the tokens do not
   *     fit into the context
   */
  void check(int[] tokens, int from, int to) {
    if (from < 0 || from >= to || to > tokens.length) {
      throw new IllegalArgumentException(
          "no tokens in [%d, %d) of %d".formatted(from, to, tokens.length));
    }
    if (to - from > limit() - position()) {
      throw new IllegalArgumentException(
          "%d tokens do not fit: %d of %d positions are taken"
              .formatted(to - from, position(), limit()));
    }
    for (int i = from; i < to; i++) {
      if (tokens[i] < 0 || tokens[i] >= config.vocabulary()) {
        throw new IllegalArgumentException(
            "token %d is not in the vocabulary of %d".formatted(tokens[i], config.vocabulary()));
      }
    }
  }

  /** Frees the memory of evicted tokens. */
  @Override
  public void close() {
    cache.close();
  }
}
