package io.calidrop.serve;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.batch.Delivery;
import io.calidrop.batch.RequestBody;
import io.calidrop.batch.RequestPrompt;
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

  private final String name;
  private final Engine engine;
  private final CacheOptions cache;
  private final long share;
  private GenerationBatch batch;
  private final Conversations conversations = new Conversations();
  private final long created = System.currentTimeMillis() / 1000;

  private final Optional<StateDirectory> directory;
  private final boolean rewindable; // whether sessions of its own cache can go back to any token

  /**
   * @param cache of requests that ask for no other, {@link #within} the share
   * @param share bytes that a bounded cache may take with its store
   * @param directory where its conversations stay, if they do
   */
  ServedModel(
      String name,
      Engine engine,
      CacheOptions cache,
      long share,
      Optional<StateDirectory> directory) {
    this.name = name;
    this.engine = engine;
    this.cache = cache;
    this.share = share;
    this.directory = directory;
    try (InferenceSession session = newSession(cache)) {
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

  /** Conversations that wait to be written to disk. */
  int unsaved() {
    return directory.map(StateDirectory::unsaved).orElse(0);
  }

  InferenceSession newSession(CacheOptions cache) {
    return engine.model().newSession(engine.contextLength(), cache);
  }

  /**
   * What the model is given of a request.
   *
   * @throws IllegalArgumentException if that is nothing, the template refuses the conversation, or
   *     the vocabulary cannot be bound to the form of the answer
   * @throws io.calidrop.gguf.ModelFormatException if the model has no template, or it fails
   */
  RequestPrompt prompt(RequestBody body) {
    RequestPrompt prompt = RequestPrompt.of(body, engine, engine::template);
    prompt.options().constraint().ifPresent(form -> form.begin(engine.tokenizer()));
    return prompt;
  }

  /**
   * How the cache of a request is kept: the server's way, with its own budget and policy.
   *
   * @throws IllegalArgumentException if there can be no such cache
   */
  CacheOptions cache(Delivery delivery) {
    CacheOptions base = cache;
    if (delivery.budget().isPresent()) {
      int rows = delivery.budget().getAsInt();
      CacheOptions own = engine.cacheOptions();
      base =
          own.budget().isEmpty() ? EngineOptions.bounded(own.kvTypes(), rows) : own.withRows(rows);
      base = within(share, engine, base);
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

  /** A cache whose store, if it is bounded and has one, takes what is left of a share. */
  static CacheOptions within(long share, Engine engine, CacheOptions cache) {
    if (cache.store().isEmpty()) {
      return cache;
    }
    StoreOptions store = cache.store().get();
    long left = share - CacheMemory.bytes(engine.model().config().cacheShape(), cache);
    return cache.withStore(
        left <= 0
            ? Optional.empty()
            : Optional.of(
                new StoreOptions(
                    store.place(), Math.min(store.bytes(), left), store.recall(), store.types())));
  }

  /** Bytes that a cache comes to hold with so many tokens. */
  long bytes(CacheOptions cache, long tokens) {
    CacheShape shape = engine.model().config().cacheShape();
    return cache.budget().isPresent()
        ? CacheMemory.bytes(shape, cache) + CacheMemory.storeBytes(shape, cache, tokens)
        : CacheMemory.bytes(shape, cache.kvTypes(), (int) tokens);
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
    if (session.cacheOptions().equals(cache)) {
      directory.ifPresent(disk -> disk.save(conversations, kept));
    }
  }

  /** Fetches from disk what a prompt goes on with, if memory has less of it. */
  void recall(int[] prompt, CacheOptions wanted, Models models) {
    if (directory.isEmpty() || !wanted.equals(cache)) {
      return;
    }
    int least = conversations.common(prompt, wanted) + Conversations.LEAST;
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
