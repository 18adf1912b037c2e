package io.calidrop.serve;

import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.batch.RequestBody;
import io.calidrop.batch.RequestPrompt;
import io.calidrop.generate.Engine;
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
  private final RequestCaches caches;
  private GenerationBatch batch;
  private final Conversations conversations = new Conversations();
  private final long created = System.currentTimeMillis() / 1000;

  private final Optional<StateDirectory> directory;
  private final boolean rewindable; // whether sessions of its own cache can go back to any token

  /**
   * @param directory where its conversations stay, if they do
   */
  ServedModel(
      String name, Engine engine, RequestCaches caches, Optional<StateDirectory> directory) {
    this.name = name;
    this.engine = engine;
    this.caches = caches;
    this.directory = directory;
    try (InferenceSession session = newSession(caches.usual())) {
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

  /** How the caches of requests are kept. */
  RequestCaches caches() {
    return caches;
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
    if (session.cacheOptions().equals(caches.usual())) {
      directory.ifPresent(disk -> disk.save(conversations, kept));
    }
  }

  /** Fetches from disk what a prompt goes on with, if memory has less of it. */
  void recall(int[] prompt, CacheOptions wanted, Models models) {
    if (directory.isEmpty() || !wanted.equals(caches.usual())) {
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
