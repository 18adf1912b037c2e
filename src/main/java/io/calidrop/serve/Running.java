package io.calidrop.serve;

import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.TokenListener;
import io.calidrop.generate.ToolAnswer;
import io.calidrop.generate.ToolStream;
import io.calidrop.model.InferenceSession;
import io.calidrop.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A generation under way. For the thread that computes. */
final class Running {
  final Ticket ticket;
  final InferenceSession session;
  final int reused; // tokens of the prompt that had been computed before
  int learning; // tokens of the beginning that is computed first, or 0
  private final Tokenizer tokenizer;
  private final Optional<ToolStream> stream; // where the text comes in pieces and may hold calls
  private List<Probability> tokens = new ArrayList<>(); // not told of yet

  /**
   * @param session holds what is not computed again
   */
  Running(Ticket ticket, InferenceSession session) {
    this.ticket = ticket;
    this.session = session;
    reused = session.position();
    tokenizer = ticket.model().engine().tokenizer();
    stream =
        ticket.stream() ? ticket.tools().map(tools -> tools.stream(tokenizer)) : Optional.empty();
  }

  /** Who is told of tokens, or null. */
  TokenListener listener() {
    return ticket.logprobs().isPresent() || stream.isPresent() ? this::sampled : null;
  }

  private void sampled(int token, float[] logits) {
    ticket.logprobs().ifPresent(most -> tokens.add(Probability.of(token, logits, most)));
    stream.ifPresent(calls -> calls.sampled(token));
  }

  void text(String piece) {
    if (ticket.stream()) {
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
    ticket.outbox().done(ticket.answer(), answer, result, takeTokens(), reused);
  }

  private List<Probability> takeTokens() {
    List<Probability> taken = tokens;
    tokens = taken.isEmpty() ? taken : new ArrayList<>();
    return taken;
  }
}
