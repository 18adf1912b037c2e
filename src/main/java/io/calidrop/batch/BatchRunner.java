package io.calidrop.batch;

import io.calidrop.generate.ChatTemplate;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationBatch;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.SharedPrefix;
import io.calidrop.generate.StopReason;
import io.calidrop.generate.ToolAnswer;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.model.InferenceSession;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * Answers requests, several of them at a time with the same passes over the weights. A result does
 * not depend on how many, nor on the order. The beginning that prompts have in common, such as a
 * system message, is computed once. For one thread at a time.
 */
public final class BatchRunner implements AutoCloseable {
  private final Engine engine;
  private final Supplier<ChatTemplate> templates;
  private final Optional<String> document;
  private final GenerationBatch batch;
  private final SharedPrefix prefix;
  private final boolean copies;
  private final List<Slot> slots = new ArrayList<>();
  private final Deque<Slot> free = new ArrayDeque<>();
  private final Deque<Finished> finished = new ArrayDeque<>();
  private ChatTemplate template; // null until the first conversation needs it

  /** Gives requests, one after the other. */
  @FunctionalInterface
  interface Source {
    /** The next request, or null at the end. */
    BatchRequest next() throws IOException;
  }

  /** Takes results as they are finished. */
  @FunctionalInterface
  interface Sink {
    /** Takes what became of a request; false ends the batch. */
    boolean accept(BatchRequest request, Outcome outcome) throws IOException;
  }

  /**
   * What became of a request.
   *
   * @param result empty where the request failed
   * @param tools what the answer calls; empty where there was nothing to call
   * @param error why it did
   */
  record Outcome(
      Optional<GenerationResult> result, Optional<ToolAnswer> tools, Optional<String> error) {
    static Outcome failed(String error) {
      return new Outcome(Optional.empty(), Optional.empty(), Optional.of(error));
    }

    static Outcome of(GenerationResult result, Optional<ToolAnswer> tools) {
      return new Outcome(Optional.of(result), tools, Optional.empty());
    }
  }

  private record Finished(BatchRequest request, Outcome outcome) {}

  /** A request and its prompt, or what is wrong with it. */
  private record Prompt(BatchRequest request, RequestPrompt given, Optional<String> error) {}

  /** A session that answers one request at a time. */
  private static final class Slot {
    private final InferenceSession session;
    private int[] held = {}; // the last prompt

    Slot(InferenceSession session) {
      this.session = session;
    }
  }

  /**
   * @param templates gives how conversations are written, when there is the first one
   * @param document that all requests are about: it is computed once, and where caches are
   *     compressed once that comes at its end
   * @param parallel most requests at a time, each with a cache of its own
   */
  public BatchRunner(
      Engine engine, Supplier<ChatTemplate> templates, Optional<String> document, int parallel) {
    this.engine = engine;
    this.templates = templates;
    this.document = document;
    batch = engine.newBatch();
    prefix = new SharedPrefix(engine.model());
    copies = parallel > 1;
    for (int i = 0; i < parallel; i++) {
      slots.add(new Slot(engine.newSession()));
    }
    free.addAll(slots);
  }

  /**
   * Answers all requests; what is wrong with one becomes its outcome.
   *
   * @param interrupted ends the batch; requests under way get no outcome
   * @throws ModelFormatException if there is a conversation, and no chat template
   */
  void run(Source source, Sink sink, BooleanSupplier interrupted) throws IOException {
    Prompt next = read(source);
    while (!interrupted.getAsBoolean() && (next != null || batch.size() > 0)) {
      if (next != null && !free.isEmpty()) {
        Prompt prompt = next;
        next = read(source);
        start(prompt, next == null ? new int[0] : next.given().tokens(), interrupted);
      } else {
        batch.step();
      }
      for (Finished done = finished.poll(); done != null; done = finished.poll()) {
        if (!sink.accept(done.request(), done.outcome())) {
          return;
        }
      }
    }
  }

  private Prompt read(Source source) throws IOException {
    BatchRequest request = source.next();
    if (request == null) {
      return null;
    }
    if (request.error().isPresent()) {
      return wrong(request, request.error().get());
    }
    RequestBody body = request.body();
    if (body.text().isEmpty() && template == null) {
      template = templates.get();
    }
    try {
      RequestPrompt given =
          document.isPresent()
              ? RequestPrompt.of(body, document.get(), engine, () -> template)
              : RequestPrompt.of(body, engine, () -> template);
      return new Prompt(request, given, Optional.empty());
    } catch (IllegalArgumentException | ModelFormatException e) {
      return wrong(request, e.getMessage());
    }
  }

  private static Prompt wrong(BatchRequest request, String error) {
    GenerationOptions options = request.body().options();
    RequestPrompt none = new RequestPrompt(new int[0], options, Optional.empty());
    return new Prompt(request, none, Optional.of(error));
  }

  private void start(Prompt prompt, int[] following, BooleanSupplier interrupted) {
    BatchRequest request = prompt.request();
    if (prompt.error().isPresent()) {
      finished.add(new Finished(request, Outcome.failed(prompt.error().get())));
      return;
    }
    Slot slot = free.poll();
    int[] tokens = prompt.given().tokens();
    try {
      int[] held = slot.held;
      slot.held = new int[0];
      if (prompt.given().document() > 0) {
        prefix.beginWith(slot.session, held, tokens, prompt.given().document());
      } else {
        prefix.begin(slot.session, held, tokens, following, copies);
      }
      slot.held = tokens;
      batch.add(
          slot.session,
          tokens,
          tokens.length,
          prompt.given().options(),
          text -> {},
          interrupted,
          result -> finish(slot, prompt, result));
    } catch (IllegalArgumentException e) {
      free.push(slot);
      finished.add(new Finished(request, Outcome.failed(e.getMessage())));
    }
  }

  private void finish(Slot slot, Prompt prompt, GenerationResult result) {
    free.push(slot);
    if (result.stopReason() != StopReason.INTERRUPTED) {
      Optional<ToolAnswer> calls =
          prompt.given().tools().map(t -> t.read(result, engine.tokenizer()));
      finished.add(new Finished(prompt.request(), Outcome.of(result, calls)));
    }
  }

  @Override
  public void close() {
    slots.forEach(slot -> slot.session.close());
  }
}
