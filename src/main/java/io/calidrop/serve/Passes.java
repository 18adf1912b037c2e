package io.calidrop.serve;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * The thread that computes: generations join its passes as there is room for them and leave when
 * they are done or nobody wants them any more; models take turns. Threads may share it.
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
  private final Generations running;
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
    running = new Generations(models, memory, failures, lock, changed);
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
      while (running.hasAny(outbox)) {
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
      Set<ServedModel> active;
      lock.lock();
      try {
        admit();
        while (running.isEmpty() && !ended) {
          changed.awaitUninterruptibly();
          admit();
        }
        if (ended) {
          running.giveUp();
          return;
        }
        active = running.models();
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
      lock.lock();
      try {
        running.fail(model);
      } finally {
        lock.unlock();
      }
    }
  }

  private void admit() {
    for (Iterator<Ticket> tickets = waiting.iterator(); tickets.hasNext(); ) {
      Ticket ticket = tickets.next();
      if (ticket.outbox().isClosed()) {
        tickets.remove();
      } else if (running.size() < parallel && !running.haveBeginning(ticket)) {
        if (models.makeRoom(ticket.bytes())) {
          tickets.remove();
          running.start(ticket, waiting);
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
