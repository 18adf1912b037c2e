package io.calidrop.serve;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.batch.Delivery;
import io.calidrop.batch.RequestBody;
import io.calidrop.generate.Engine;
import io.calidrop.generate.EngineOptions;
import io.calidrop.generate.GenerationBatch;
import io.calidrop.generate.SessionFile;
import io.calidrop.model.InferenceSession;
import java.nio.file.Path;
import java.util.Optional;

/** A loaded model, the generations that share its passes, and the conversations it has had. */
final class ServedModel implements AutoCloseable {
  /** Tokens of prompts in a pass that others wait for: these get theirs so much later. */
  private static final int PROMPT_TOKENS = 64;

  private static final int MEASURED = 1024; // tokens
  private static final long PAGE = 64; // tokens that rows are allocated for

  private final String name;
  private final Engine engine;
  private GenerationBatch batch;
  private final Conversations conversations = new Conversations();
  private final long created = System.currentTimeMillis() / 1000;

  private final Optional<StateDirectory> directory;
  private final boolean rewindable; // whether sessions of its own cache can go back to any token

  /**
   * @param directory where its conversations stay, if they do
   */
  ServedModel(String name, Engine engine, Optional<StateDirectory> directory) {
    this.name = name;
    this.engine = engine;
    this.directory = directory;
    try (InferenceSession session = engine.newSession()) {
      rewindable = session.isRewindable();
    }
    renewBatch();
  }

  String name() {
    return name;
  }

  Engine engine() {
    return engine;
  }

  /** Seconds since 1970 when it was loaded. */
  long created() {
    return created;
  }

  /** Forgets the generations under way, whose pass failed. */
  void renewBatch() {
    batch = engine.newBatch();
    batch.sharePrompts(PROMPT_TOKENS);
  }

  /** The generations under way, for the thread that computes. */
  GenerationBatch batch() {
    return batch;
  }

  Conversations conversations() {
    return conversations;
  }

  InferenceSession newSession(CacheOptions cache) {
    return engine.model().newSession(engine.contextLength(), cache);
  }

  /**
   * The tokens that a request's answer follows.
   *
   * @throws IllegalArgumentException if there are none, or the template refuses the conversation
   * @throws io.calidrop.gguf.ModelFormatException if the model has no template, or it fails
   */
  int[] encode(RequestBody body) {
    return body.text().isPresent()
        ? engine.encode(body.text().get())
        : engine
            .template()
            .withArguments(body.templateArguments())
            .encode(body.messages(), true, engine.tokenizer());
  }

  /**
   * How the cache of a request is kept: the server's way, with its own budget and policy.
   *
   * @throws IllegalArgumentException if there can be no such cache
   */
  CacheOptions cache(Delivery delivery) {
    CacheOptions base = engine.cacheOptions();
    if (delivery.budget().isPresent()) {
      int rows = delivery.budget().getAsInt();
      base =
          base.budget().isEmpty()
              ? EngineOptions.bounded(base.kvTypes(), rows)
              : base.withRows(rows);
    }
    if (delivery.policy().isEmpty()) {
      return base;
    }
    CacheBudget budget =
        base.budget()
            .orElseThrow(
                () -> new IllegalArgumentException("policy: it needs a budget: give one, too"));
    return base.bounded(
        budget, EvictionPolicies.named(delivery.policy().get()), base.calibration());
  }

  /** Bytes that a cache comes to hold with so many tokens. */
  long bytes(CacheOptions cache, long tokens) {
    CacheShape shape = engine.model().config().cacheShape();
    if (cache.budget().isPresent()) {
      return CacheMemory.bytes(shape, cache);
    }
    long some = fullBytes(MEASURED);
    long each = (fullBytes(2 * MEASURED) - some) / MEASURED; // layers that see a window are full
    return some + each * (Math.ceilDiv(tokens, PAGE) * PAGE - MEASURED);
  }

  /** Bytes of a cache without a bound, measured on one that is pruned to that length. */
  private long fullBytes(int tokens) {
    CacheBudget budget =
        new CacheBudget(
            tokens - 1, 0, 1, 1, CacheBudget.Compress.ROLLING, CacheBudget.Positions.REBASE);
    return CacheMemory.bytes(
        engine.model().config().cacheShape(),
        engine
            .cacheOptions()
            .bounded(budget, EvictionPolicies.named("streaming"), CalibrationOptions.off()));
  }

  /**
   * Keeps a session for what may follow its tokens.
   *
   * @param tokens that it holds, at least
   * @param prompt how many of them were asked with
   * @param bytes that were taken for it
   */
  void keep(InferenceSession session, int[] tokens, int prompt, long bytes) {
    Conversations.Kept kept = conversations.keep(session, tokens, prompt, bytes);
    if (session.cacheOptions().equals(engine.cacheOptions())) {
      directory.ifPresent(disk -> disk.save(conversations, kept));
    }
  }

  /** Fetches from disk what a prompt goes on with, if memory has less of it. */
  void recall(int[] prompt, CacheOptions cache, Models models) {
    if (directory.isEmpty() || !cache.equals(engine.cacheOptions())) {
      return;
    }
    int least = conversations.common(prompt, cache) + Conversations.LEAST;
    directory.get().find(prompt, rewindable, least).ifPresent(file -> recall(file, models));
  }

  private void recall(Path file, Models models) {
    Optional<SessionFile.Held> held = directory.get().held(file);
    Optional<InferenceSession> loaded = held.flatMap(known -> directory.get().load(file));
    loaded.ifPresent(
        session -> {
          long bytes = session.statistics().bytes();
          if (models.makeRoom(bytes)) {
            conversations.keep(session, held.get().tokens(), held.get().prompt(), bytes);
          } else {
            session.close();
          }
        });
  }

  /** Frees everything; nothing of it is in use. */
  @Override
  public void close() {
    directory.ifPresent(StateDirectory::close);
    conversations.close();
    engine.close();
  }
}
