package io.calidrop.serve;

import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.StopReason;
import io.calidrop.model.InferenceSession;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * The generations under way: each begins with what a conversation has of its prompt, and what it
 * computed is kept for the next one. A beginning that a prompt has in common with another is
 * computed first and kept, so that it is there for the next one that has it.
 *
 * <p>Who calls has the lock; what batches tell of their passes comes without it.
 */
final class Generations {
  private final Models models;
  private final Memory memory;
  private final Consumer<Throwable> failures;
  private final ReentrantLock lock;
  private final Condition changed;
  private final List<Running> running = new ArrayList<>();

  /**
   * @param failures are told of what should not have happened
   * @param changed is signalled when one has ended
   */
  Generations(
      Models models,
      Memory memory,
      Consumer<Throwable> failures,
      ReentrantLock lock,
      Condition changed) {
    this.models = models;
    this.memory = memory;
    this.failures = failures;
    this.lock = lock;
    this.changed = changed;
  }

  int size() {
    return running.size();
  }

  boolean isEmpty() {
    return running.isEmpty();
  }

  /** Whether one of a request is left. */
  boolean hasAny(Outbox outbox) {
    return running.stream().anyMatch(one -> one.ticket.outbox() == outbox);
  }

  /** The models that they are of. */
  Set<ServedModel> models() {
    Set<ServedModel> active = new LinkedHashSet<>();
    running.forEach(one -> active.add(one.ticket.model()));
    return active;
  }

  /** Whether one computes what a prompt begins with. */
  boolean haveBeginning(Ticket ticket) {
    return running.stream()
        .anyMatch(
            one ->
                one.learning > 0
                    && isAlike(one.ticket, ticket)
                    && Conversations.common(one.ticket.prompt(), ticket.prompt()) >= one.learning
                    && ticket.prompt().length > one.learning);
  }

  private static boolean isAlike(Ticket a, Ticket b) {
    return a.model() == b.model() && a.cache().equals(b.cache());
  }

  /**
   * Begins one, whose bytes are taken; whatever is wrong with it, the others go on.
   *
   * @param waiting others, which may have a beginning in common with it
   */
  void start(Ticket ticket, Collection<Ticket> waiting) {
    try {
      begin(ticket, waiting);
    } catch (RuntimeException | Error e) {
      failures.accept(e);
      memory.giveHeap(ticket.bytes());
      ticket.outbox().failed(ApiException.internal());
    }
  }

  private void begin(Ticket ticket, Collection<Ticket> waiting) {
    ServedModel model = ticket.model();
    boolean canGoOn = Conversations.canGoOn(ticket.cache());
    Optional<Conversations.Begun> begun =
        canGoOn
            ? model.conversations().begin(model.engine().model(), ticket.prompt(), ticket.cache())
            : Optional.empty();
    begun.ifPresent(one -> memory.giveHeap(one.freed()));
    InferenceSession session =
        begun.map(Conversations.Begun::session).orElseGet(() -> model.newSession(ticket.cache()));
    Running one = new Running(ticket, session);
    int common = canGoOn ? common(ticket, waiting) : 0;
    if (Conversations.isWorth(common, session.position())) {
      one.learning = common;
    }
    try {
      goOn(one);
    } catch (RuntimeException | Error e) {
      session.close();
      throw e;
    }
    running.add(one);
  }

  /** Tokens that a prompt has in common with others, of now or before. */
  private int common(Ticket ticket, Collection<Ticket> waiting) {
    int most = ticket.model().conversations().common(ticket.prompt(), ticket.cache());
    for (Ticket other : waiting) {
      most = Math.max(most, common(ticket, other));
    }
    for (Running other : running) {
      most = Math.max(most, common(ticket, other.ticket));
    }
    return most;
  }

  private static int common(Ticket a, Ticket b) {
    return isAlike(a, b)
        ? Math.min(Conversations.common(a.prompt(), b.prompt()), a.prompt().length - 1)
        : 0;
  }

  /** Adds a generation to its model's passes: up to the end of a beginning first. */
  private void goOn(Running one) {
    Ticket ticket = one.ticket;
    if (one.learning > 0) {
      ticket
          .model()
          .batch()
          .add(
              one.session,
              ticket.prompt(),
              one.learning,
              ticket.options().withMaxTokens(1),
              text -> {},
              one::isUnwanted,
              result -> learned(one, result));
    } else {
      ticket
          .model()
          .batch()
          .add(
              one.session,
              ticket.prompt(),
              ticket.prompt().length,
              ticket.options(),
              one,
              one::text,
              one::isUnwanted,
              result -> finish(one, result));
    }
  }

  /** The beginning is there: others may have it, and the prompt's rest follows. */
  private void learned(Running one, GenerationResult result) {
    lock.lock();
    try {
      Ticket ticket = one.ticket;
      if (result.stopReason() == StopReason.INTERRUPTED) {
        end(one, ticket.prompt());
        return;
      }
      long bytes = one.session.statistics().bytes();
      if (models.makeRoom(bytes)) {
        ticket
            .model()
            .keep(
                ticket.model().engine().model().fork(one.session),
                ticket.prompt(),
                one.learning,
                bytes);
      }
      one.learning = 0;
      goOn(one);
    } finally {
      lock.unlock();
    }
  }

  private void finish(Running one, GenerationResult result) {
    lock.lock();
    try {
      int[] prompt = one.ticket.prompt();
      int[] all = Arrays.copyOf(prompt, prompt.length + result.tokens().length);
      System.arraycopy(result.tokens(), 0, all, prompt.length, result.tokens().length);
      end(one, all);
      one.done(result);
    } finally {
      lock.unlock();
    }
  }

  /** Keeps a session for what may follow its tokens, and makes its place free. */
  private void end(Running one, int[] tokens) {
    leave(one);
    long bytes = one.session.statistics().bytes();
    if (Conversations.canGoOn(one.ticket.cache()) && models.makeRoom(bytes)) {
      one.ticket.model().keep(one.session, tokens, one.ticket.prompt().length, bytes);
    } else {
      one.session.close();
    }
  }

  private void leave(Running one) {
    running.remove(one);
    memory.giveHeap(one.ticket.bytes());
    changed.signalAll();
  }

  /** Ends the generations of a model whose pass failed. */
  void fail(ServedModel model) {
    for (Running one : List.copyOf(running)) {
      if (one.ticket.model() == model) {
        abandon(one, ApiException.internal());
      }
    }
    model.renewBatch();
  }

  /** Ends all. */
  void giveUp() {
    for (Running one : List.copyOf(running)) {
      abandon(one, ApiException.ending());
    }
  }

  private void abandon(Running one, ApiException why) {
    one.session.close();
    leave(one);
    one.ticket.outbox().failed(why);
  }
}
