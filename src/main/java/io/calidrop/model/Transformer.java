package io.calidrop.model;

import io.calidrop.attention.AttendedPrompt;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheScratch;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StateStreams;
import io.calidrop.tensor.Matrix;
import io.calidrop.tensor.WorkerPool;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * A loaded model: immutable weights and the threads that compute with them. Threads may share it:
 * one forward pass runs at a time; sessions take turns, or share it.
 */
public final class Transformer implements AutoCloseable {
  private final Path source;
  private final ModelConfig config;
  private final ModelWeights weights;
  private final WorkerPool pool;
  private final Arena arena;
  private final ForwardPass pass;
  private final CacheScratch scratch;
  private final Supplier<int[]> repeat;
  private final KernelWarmUp warmUp;
  private final int[] last = new int[1]; // index in the pass whose logits are wanted

  /**
   * Logits that a session wants.
   *
   * @param drafted how many guessed tokens they come after
   * @param token index in the pass of the last of these
   */
  private record Wanted(InferenceSession session, int drafted, int token) {
    void give(float[] logits, int offset) {
      session.logits(drafted, logits, offset);
    }
  }

  Transformer(
      Path source,
      ModelConfig config,
      ModelWeights weights,
      WorkerPool pool,
      Arena arena,
      Supplier<int[]> repeat,
      KernelWarmUp warmUp) {
    this.source = source;
    this.config = config;
    this.repeat = repeat;
    this.warmUp = warmUp;
    this.weights = weights;
    this.pool = pool;
    this.arena = arena;
    int maxBatch = Math.min(ForwardPass.MAX_BATCH, config.contextLength());
    pass = new ForwardPass(config, weights, pool, maxBatch);
    scratch = new CacheScratch(config.cacheShape(), pool.threads());
  }

  /** The file that it was read from. */
  public Path source() {
    return source;
  }

  public ModelConfig config() {
    return config;
  }

  public int threads() {
    return pool.threads();
  }

  /** Most tokens of a pass. */
  public int passTokens() {
    return pass.most();
  }

  /** Bytes of weights held in memory, beyond what is read from the mapped file. */
  public long residentBytes() {
    long bytes = weights.output().residentBytes();
    for (ModelWeights.Layer layer : weights.layers()) {
      bytes += layer.matrices().mapToLong(Matrix::residentBytes).sum();
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
    return new InferenceSession(config, weights.rotations(), pool, scratch, contextLength, options);
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
    session.check(tokens, from, to);
    for (int at = from; at < to; ) {
      at += run(session, tokens, at, to);
    }
    if (wantLogits) {
      last[0] = pass.tokens() - 1;
      pass.logits(last, 1, (i, logits, offset) -> session.logits(0, logits, offset));
    }
    session.readAgain(pass, repeat);
    return wantLogits ? session.logits() : null;
  }

  /**
   * Like {@link #forward}, with the logits after every token.
   *
   * @param sink called once for each token in order
   */
  public synchronized void forward(
      InferenceSession session, int[] tokens, int from, int to, LogitsSink sink) {
    session.check(tokens, from, to);
    for (int at = from; at < to; ) {
      int start = at;
      at += run(session, tokens, at, to);
      int[] all = IntStream.range(0, at - start).toArray();
      pass.logits(all, all.length, (i, logits, offset) -> sink.accept(start + i, logits, offset));
    }
    session.readAgain(pass, repeat);
  }

  /** A pass of one session's tokens, as many as fit; returns how many. */
  private int run(InferenceSession session, int[] tokens, int from, int to) {
    session.readAgain(pass, repeat); // what is left of it
    pass.clear(warmUp.passTokens(to - from));
    int added = session.addTo(pass, new TokenRun(session, tokens, from, to));
    pass.run(session.observer());
    return added;
  }

  /**
   * One pass over the weights for several sessions, each of which gets what it would get alone, to
   * the bit. It takes as many tokens as fit, of the first sessions first: {@link
   * InferenceSession#position} tells how many. A session whose last token but guesses was taken has
   * the {@link InferenceSession#logits} after it, and after each guess that was taken. Where a
   * prompt is read again before its cache is compressed, each call reads a piece of it, and the
   * session has no room until that is done.
   *
   * @throws IllegalArgumentException as {@link #forward}, or if a session comes twice; all sessions
   *     are then unchanged
   */
  public synchronized void forward(List<TokenRun> runs) {
    for (TokenRun run : runs) {
      run.session().check(run.tokens(), run.from(), run.to());
    }
    if (runs.stream().map(TokenRun::session).distinct().count() < runs.size()) {
      throw new IllegalArgumentException("a session comes twice in one pass");
    }
    List<Wanted> wanted = new ArrayList<>();
    pass.clear(warmUp.passTokens(runs.stream().mapToInt(run -> run.to() - run.from()).sum()));
    for (TokenRun run : runs) {
      int before = pass.tokens() - 1;
      int added = run.session().addTo(pass, run);
      for (int token = run.certain(); token <= added; token++) {
        wanted.add(new Wanted(run.session(), token - run.certain(), before + token));
      }
    }
    if (pass.tokens() > 0) {
      pass.run(null);
      int[] tokens = wanted.stream().mapToInt(Wanted::token).toArray();
      pass.logits(tokens, tokens.length, (i, logits, o) -> wanted.get(i).give(logits, o));
    }
    runs.forEach(run -> run.session().readPiece(pass, repeat));
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
   * {@linkplain #adopt begin with}.
   *
   * @param contextLength of the sessions
   * @param window tokens at the end that policies may observe, {@link
   *     io.calidrop.attention.CacheBudget#window}
   * @param queries tokens at the end whose queries policies and calibrations may ask for
   * @param again whether policies want it to be read again
   */
  public synchronized AttendedPrompt record(
      int contextLength,
      int[] tokens,
      int from,
      int to,
      KvTypes kvTypes,
      int window,
      int queries,
      boolean again) {
    int count = to - from;
    InferenceSession session =
        newSession(contextLength, AttendedPrompt.options(kvTypes, count, Math.min(queries, count)));
    AttendedPrompt prompt = session.record(count, window);
    do {
      int end = prompt.nextMark();
      if (end > session.position()) {
        forward(session, tokens, from + session.position(), from + end, false);
      }
      prompt.mark();
    } while (session.position() < count);
    if (again) {
      session.readAgain(pass, repeat.get(), Arrays.copyOfRange(tokens, from, to));
      prompt.markReadAgain();
    }
    return prompt;
  }

  /**
   * Begins a session with a prompt that was attended once for many, see {@link #record}.
   *
   * @throws IllegalArgumentException if the session is not empty, or is not one that attends a
   *     prompt whole
   */
  public synchronized void adopt(InferenceSession session, AttendedPrompt prompt) {
    session.adopt(prompt);
  }

  /**
   * Begins to make passes of many tokens fast, in the background, which otherwise begins when there
   * are more than a few tokens to compute: for whoever waits for input.
   */
  public void beginWarmUp() {
    warmUp.begin();
  }

  /** Waits until passes of any number of tokens are fast: for whoever measures. */
  public void awaitWarmUp() {
    warmUp.await();
  }

  /** Frees the weights; sessions must not be used afterwards. */
  @Override
  public synchronized void close() {
    warmUp.close();
    pool.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
