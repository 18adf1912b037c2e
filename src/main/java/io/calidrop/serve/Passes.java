package io.calidrop.serve;

import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.StopReason;
import io.calidrop.model.InferenceSession;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * The thread that computes: generations join its passes as there is room for them and leave when
 * they are done or nobody wants them any more; models take turns. Threads may share it.
 *
 * <p>A beginning that a prompt has in common with another is computed first and kept, so that it is
 * there for the next one that has it.
 */
final class Passes implements AutoCloseable {
  private final Models models;
  private final Memory memory;
  private final int parallel;
  private final int queue;
  private final Consumer<Throwable> failures;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<Ticket> waiting = new ArrayDeque<>();
  private final List<Running> running = new ArrayList<>();
  private final Thread thread = Thread.ofPlatform().name("calidrop-passes").unstarted(this::run);
  private boolean draining;
  private boolean ended;

  /**
   * @param failures are told of what should not have happened
   */
  Passes(Models models, Memory memory, int parallel, int queue, Consumer<Throwable> failures) {
    this.models = models;
    this.memory = memory;
    this.parallel = parallel;
    this.queue = queue;
    this.failures = failures;
    thread.start();
  }

  /**
   * Lets generations wait for their turn; all or none of them.
   *
   * @throws ApiException if too many wait already, or the server ends
   */
  void submit(List<Ticket> tickets) {
    lock.lock();
    try {
      if (draining) {
        throw ApiException.ending();
      }
      int room = Math.max(0, parallel - running.size()) + queue - waiting.size();
      if (tickets.size() > room) {
        throw ApiException.busy(
            429,
            "queue_full",
            1 + waiting.size() / parallel,
            "%d answers are being generated and %d wait: try again later"
                .formatted(running.size(), waiting.size()));
      }
      waiting.addAll(tickets);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Most bytes that a generation's cache may have. */
  long mostBytes() {
    return memory.mostHeap();
  }

  /** Returns when none of a request's generations is left; nobody wants what they would give. */
  void leave(Outbox outbox) {
    lock.lock();
    try {
      waiting.removeIf(ticket -> ticket.outbox() == outbox);
      while (running.stream().anyMatch(one -> one.ticket.outbox() == outbox)) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  int running() {
    lock.lock();
    try {
      return running.size();
    } finally {
      lock.unlock();
    }
  }

  int waiting() {
    lock.lock();
    try {
      return waiting.size();
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    while (true) {
      Set<ServedModel> active = new LinkedHashSet<>();
      lock.lock();
      try {
        admit();
        while (running.isEmpty() && !ended) {
          changed.awaitUninterruptibly();
          admit();
        }
        if (ended) {
          giveUp();
          return;
        }
        running.forEach(one -> active.add(one.ticket.model()));
      } finally {
        lock.unlock();
      }
      active.forEach(this::step);
    }
  }

  private void step(ServedModel model) {
    try {
      model.batch().step();
    } catch (RuntimeException | Error e) {
      failures.accept(e);
      fail(model);
    }
  }

  /** Ends the generations of a model whose pass failed. */
  private void fail(ServedModel model) {
    lock.lock();
    try {
      for (Running one : List.copyOf(running)) {
        if (one.ticket.model() == model) {
          abandon(one, ApiException.internal());
        }
      }
      model.renewBatch();
    } finally {
      lock.unlock();
    }
  }

  private void admit() {
    for (Iterator<Ticket> tickets = waiting.iterator(); tickets.hasNext(); ) {
      Ticket ticket = tickets.next();
      if (ticket.outbox().isClosed()) {
        tickets.remove();
      } else if (running.size() < parallel && !waitsForBeginning(ticket)) {
        if (models.makeRoom(ticket.bytes())) {
          tickets.remove();
          tryToStart(ticket);
        } else if (running.isEmpty()) {
          tickets.remove();
          ticket.outbox().failed(noMemory());
        } else {
          return; // in turn
        }
      }
    }
  }

  private static ApiException noMemory() {
    return ApiException.busy(
        503,
        "memory",
        10,
        "there is no memory for the cache of this answer: ask for a shorter one");
  }

  /** Whether another computes what the ticket's prompt begins with. */
  private boolean waitsForBeginning(Ticket ticket) {
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

  /** Whatever is wrong with one, the thread goes on for the others. */
  private void tryToStart(Ticket ticket) {
    try {
      start(ticket);
    } catch (RuntimeException | Error e) {
      failures.accept(e);
      memory.giveHeap(ticket.bytes());
      ticket.outbox().failed(ApiException.internal());
    }
  }

  private void start(Ticket ticket) {
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
    int common = canGoOn ? common(ticket) : 0;
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
  private int common(Ticket ticket) {
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

  /**
   * Lets no more generations wait, and those under way end, for so long; returns when none is left.
   */
  void drain(Duration grace) {
    long end = System.nanoTime() + grace.toNanos();
    lock.lock();
    try {
      draining = true;
      waiting.forEach(ticket -> ticket.outbox().failed(ApiException.ending()));
      waiting.clear();
      long left = end - System.nanoTime();
      while (!running.isEmpty() && left > 0) {
        left = awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  private long awaitNanos(long nanos) {
    try {
      return changed.awaitNanos(nanos);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 0;
    }
  }

  private void giveUp() {
    for (Running one : List.copyOf(running)) {
      abandon(one, ApiException.ending());
    }
  }

  private void abandon(Running one, ApiException why) {
    one.session.close();
    leave(one);
    one.ticket.outbox().failed(why);
  }

  /** Ends the thread after the pass under way; what is unfinished then fails. */
  @Override
  public void close() {
    lock.lock();
    try {
      draining = true;
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    try {
      thread.join(TimeUnit.MINUTES.toMillis(1));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
