package io.calidrop.serve;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.ToolAnswer;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * What the generations of a request give, on its way to the client: the thread that computes puts
 * it in and never waits, the request's own takes it out. A client that reads more slowly than
 * {@value #MOST} pieces behind is given up.
 */
final class Outbox {
  private static final int MOST = 1024;

  private final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private volatile boolean closed;

  /** Something that became of one of the request's generations, numbered from 0. */
  sealed interface Event {
    /**
     * More of its text.
     *
     * @param tokens that it is of, where they are wanted
     */
    record Text(int answer, String piece, List<Probability> tokens) implements Event {}

    /** What its cache holds by now. */
    record Memory(int answer, CacheStatistics cache) implements Event {}

    /**
     * It is whole.
     *
     * @param said its text and calls
     * @param tokens that were not told of yet, where they are wanted
     * @param begun what its cache held when it began
     */
    record Done(
        int answer,
        ToolAnswer said,
        GenerationResult result,
        List<Probability> tokens,
        CacheStatistics begun)
        implements Event {}

    /** There is no answer. */
    record Failed(ApiException why) implements Event {}
  }

  /** Adds a piece, unless the client does not keep up: then nobody wants the rest. */
  void text(int answer, String piece, List<Probability> tokens) {
    if (events.size() < MOST) {
      events.add(new Event.Text(answer, piece, tokens));
    } else {
      close();
    }
  }

  /** Adds what a cache holds, unless the client does not keep up. */
  void memory(int answer, CacheStatistics cache) {
    if (events.size() < MOST) {
      events.add(new Event.Memory(answer, cache));
    }
  }

  void done(Event.Done done) {
    events.add(done);
  }

  void failed(ApiException why) {
    events.add(new Event.Failed(why));
  }

  /** The next event, or null if there is none for so long. */
  Event poll(long milliseconds) throws InterruptedException {
    return events.poll(milliseconds, TimeUnit.MILLISECONDS);
  }

  /** Whether nobody wants what comes. */
  boolean isClosed() {
    return closed;
  }

  /** Ends the request's generations. */
  void close() {
    closed = true;
  }
}
