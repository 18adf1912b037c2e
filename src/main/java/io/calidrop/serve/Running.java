package io.calidrop.serve;

import io.calidrop.model.InferenceSession;
import java.util.ArrayList;
import java.util.List;

/** A generation under way. For the thread that computes. */
final class Running {
  final Ticket ticket;
  final InferenceSession session;
  final int reused; // tokens of the prompt that had been computed before
  int learning; // tokens of the beginning that is computed first, or 0
  private List<Probability> tokens = new ArrayList<>(); // not told of yet

  /**
   * @param session holds what is not computed again
   */
  Running(Ticket ticket, InferenceSession session) {
    this.ticket = ticket;
    this.session = session;
    reused = session.position();
  }

  void sampled(int token, float[] logits) {
    tokens.add(Probability.of(token, logits, ticket.logprobs().orElseThrow()));
  }

  void text(String piece) {
    if (ticket.stream()) {
      ticket.outbox().text(ticket.answer(), piece, takeTokens());
    }
  }

  List<Probability> takeTokens() {
    List<Probability> taken = tokens;
    tokens = taken.isEmpty() ? taken : new ArrayList<>();
    return taken;
  }
}
