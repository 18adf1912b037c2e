package io.calidrop.serve;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.attention.CacheOptions;
import io.calidrop.batch.RequestBody;
import io.calidrop.batch.RequestFormat;
import io.calidrop.batch.RequestPrompt;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.sampling.SamplerOptions;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Has requests answered: reads them, lets them wait for their turn and tells what becomes of it.
 */
final class Answers {
  private static final long LOOK = 50; // milliseconds between looks whether the client is there

  /** How long a stream says nothing before it says that it waits: balancers end silent ones. */
  private static final long QUIET = TimeUnit.SECONDS.toNanos(10);

  private final Models models;
  private final Passes passes;
  private final Supplier<GenerationOptions> defaults;
  private final Metrics metrics;

  /** Is told of an answer as it comes, by the request's own thread. */
  interface Listener {
    /** The request is right and waits for its turn. */
    void accepted(Asked asked);

    /** It still waits; told now and then, and only where a stream is asked for. */
    void waiting() throws IOException;

    /** There is no more; tells whether the client was told, because some was there already. */
    boolean failed(ApiException why) throws IOException;

    /** More of an answer's text; told only where a stream is asked for. */
    void text(Outbox.Event.Text text) throws IOException;

    /** What an answer's cache holds now; told only where a stream asks for it. */
    void memory(Outbox.Event.Memory memory) throws IOException;

    /** An answer is whole. */
    void done(Outbox.Event.Done done) throws IOException;
  }

  /** A request as it was understood. */
  record Asked(ServedModel model, RequestBody body, int promptTokens) {}

  Answers(Models models, Passes passes, Supplier<GenerationOptions> defaults, Metrics metrics) {
    this.models = models;
    this.passes = passes;
    this.defaults = defaults;
    this.metrics = metrics;
  }

  Models models() {
    return models;
  }

  /**
   * Answers a request; returns when all of it was told or the client is gone.
   *
   * @throws ApiException if there is no answer
   */
  void answer(Exchange exchange, RequestFormat format, JsonNode json, Listener listener)
      throws IOException {
    RequestBody body = read(format, CacheHeaders.merged(exchange.request().getHeaders(), json));
    try (Models.Lease lease = models.acquire(models.named(body.delivery().model()))) {
      Outbox outbox = new Outbox();
      List<Ticket> tickets = tickets(lease.model(), body, outbox);
      passes.submit(tickets);
      try {
        listener.accepted(new Asked(lease.model(), body, tickets.getFirst().prompt().length));
        follow(exchange, outbox, tickets, listener);
      } catch (ApiException e) {
        if (!listener.failed(e)) {
          throw e;
        }
      } finally {
        outbox.close();
        passes.leave(outbox);
      }
    }
  }

  private RequestBody read(RequestFormat format, JsonNode json) {
    try {
      return format.readServed(json, defaults.get());
    } catch (IllegalArgumentException e) {
      throw ApiException.badRequest(e.getMessage());
    }
  }

  private List<Ticket> tickets(ServedModel model, RequestBody body, Outbox outbox) {
    RequestPrompt given;
    CacheOptions cache;
    try {
      given = model.prompt(body);
      cache = model.caches().of(body.delivery().cache());
    } catch (IllegalArgumentException | ModelFormatException e) {
      throw ApiException.badRequest(e.getMessage());
    }
    int[] prompt = given.tokens();
    int context = model.engine().contextLength();
    boolean endless = cache.budget().isPresent();
    if (!endless && prompt.length > context) {
      throw ApiException.of(
          400,
          "context_length_exceeded",
          "the prompt has %d tokens, more than the context of %d: shorten it, or ask for a bounded cache with calidrop.budget"
              .formatted(prompt.length, context));
    }
    GenerationOptions options = given.options();
    if (options.maxTokens() == GenerationOptions.UNLIMITED) {
      options = options.withMaxTokens(context);
    }
    long all = (long) prompt.length + options.maxTokens();
    long tokens = endless ? all : Math.min(context, all);
    long bytes = model.bytes(cache, tokens);
    if (bytes > passes.mostBytes()) {
      throw ApiException.badRequest(
          "the cache of this answer may take %d MB, more than the server has: ask for fewer tokens, or for a bounded cache with calidrop.budget"
              .formatted(bytes / 1_000_000));
    }
    model.recall(prompt, cache, models);
    List<Ticket> tickets = new ArrayList<>();
    for (int i = 0; i < body.delivery().answers(); i++) {
      SamplerOptions sampling = options.sampling();
      tickets.add(
          new Ticket(
              model,
              prompt,
              options.withSampling(sampling.withSeed(sampling.seed() + i)),
              given.tools(),
              cache,
              body.delivery(),
              outbox,
              i,
              bytes));
    }
    return tickets;
  }

  private void follow(Exchange exchange, Outbox outbox, List<Ticket> tickets, Listener listener)
      throws IOException {
    try {
      Ticket first = tickets.getFirst();
      long heard = System.nanoTime();
      for (int open = tickets.size(); open > 0; ) {
        if (exchange.isGone() || outbox.isClosed()) {
          return;
        }
        Outbox.Event event = outbox.poll(LOOK);
        switch (event) {
          case null -> {
            if (first.delivery().stream() && System.nanoTime() - heard > QUIET) {
              heard = System.nanoTime();
              listener.waiting();
            }
            continue;
          }
          case Outbox.Event.Text text -> listener.text(text);
          case Outbox.Event.Memory memory -> listener.memory(memory);
          case Outbox.Event.Done done -> {
            metrics.answered(first.model().name(), done.result(), done.begun());
            listener.done(done);
            open--;
          }
          case Outbox.Event.Failed failed -> throw failed.why();
        }
        heard = System.nanoTime();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
