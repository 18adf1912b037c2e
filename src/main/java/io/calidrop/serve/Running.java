package io.calidrop.serve;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.TokenListener;
import io.calidrop.generate.ToolAnswer;
import io.calidrop.generate.ToolStream;
import io.calidrop.model.InferenceSession;
import io.calidrop.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A generation under way. For the thread that computes. */
final class Running implements TokenListener {
  private static final long LIVE = TimeUnit.MILLISECONDS.toNanos(300); // between looks at a cache

  final Ticket ticket;
  final InferenceSession session;
  final CacheStatistics begun; // what is not computed again
  int learning; // tokens of the beginning that is computed first, or 0
  private final Tokenizer tokenizer;
  private final Optional<ToolStream> stream; // where the text comes in pieces and may hold calls
  private final boolean live; // whether the client follows the cache
  private List<Probability> tokens = new ArrayList<>(); // not told of yet
  private long shown = System.nanoTime(); // when the cache was told of last

  /**
   * @param session holds what is not computed again
   */
  Running(Ticket ticket, InferenceSession session) {
    this.ticket = ticket;
    this.session = session;
    begun = session.statistics();
    tokenizer = ticket.model().engine().tokenizer();
    boolean streams = ticket.delivery().stream();
    stream = streams ? ticket.tools().map(tools -> tools.stream(tokenizer)) : Optional.empty();
    live = streams && ticket.delivery().cache().live();
  }

  /** Whether nobody wants what comes; asked between passes. */
  boolean isUnwanted() {
    if (live && System.nanoTime() - shown > LIVE) {
      shown = System.nanoTime();
      ticket.outbox().memory(ticket.answer(), session.statistics());
    }
    return ticket.outbox().isClosed();
  }

  @Override
  public boolean readsLogits() {
    return ticket.delivery().logprobs().isPresent();
  }

  @Override
  public void sampled(int token, float[] logits) {
    ticket.delivery().logprobs().ifPresent(most -> tokens.add(Probability.of(token, logits, most)));
    stream.ifPresent(calls -> calls.sampled(token));
  }

  void text(String piece) {
    if (ticket.delivery().stream()) {
      tell(stream.map(calls -> calls.text(piece)).orElse(piece));
    }
  }

  private void tell(String piece) {
    if (!piece.isEmpty()) {
      ticket.outbox().text(ticket.answer(), piece, takeTokens());
    }
  }

  void done(GenerationResult result) {
    ToolAnswer answer =
        ticket
            .tools()
            .map(tools -> tools.read(result, tokenizer))
            .orElseGet(() -> new ToolAnswer(result.text(), List.of()));
    stream.ifPresent(calls -> tell(calls.rest(answer)));
    ticket
        .outbox()
        .done(new Outbox.Event.Done(ticket.answer(), answer, result, takeTokens(), begun));
  }

  private List<Probability> takeTokens() {
    List<Probability> taken = tokens;
    tokens = taken.isEmpty() ? taken : new ArrayList<>();
    return taken;
  }
}
