package io.calidrop.serve;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheOptions;
import io.calidrop.generate.SessionFile;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The conversations of a model that may go on, by the tokens that their sessions hold, and
 * beginnings that several had in common. Threads may share it; a session that was taken out is its
 * taker's own.
 *
 * <p>What a session computed before is the same, to the bit, as what it would compute again.
 */
final class Conversations implements AutoCloseable {
  /** Tokens that are worth a copy of a session. */
  static final int LEAST = 16;

  private final List<Kept> all = new ArrayList<>();

  /** A session that nobody uses now. */
  static final class Kept {
    private final InferenceSession session;
    private final int[] tokens; // that it holds
    private final int prompt; // how many of them were asked with; all of a beginning of several
    private final long bytes;
    private long used; // when it was wanted last, in nanoseconds
    private boolean lent; // to be read

    private Kept(InferenceSession session, int[] tokens, int prompt, long bytes) {
      this.session = session;
      this.tokens = tokens;
      this.prompt = prompt;
      this.bytes = bytes;
      used = System.nanoTime();
    }

    InferenceSession session() {
      return session;
    }

    SessionFile.Held held() {
      return new SessionFile.Held(tokens, prompt);
    }

    private boolean isBeginning() {
      return prompt == tokens.length;
    }
  }

  /**
   * A session to go on with.
   *
   * @param session at the end of what it need not compute
   * @param freed bytes that were counted for it while it was kept
   */
  record Begun(InferenceSession session, long freed) {}

  /** How many tokens two texts begin with alike. */
  static int common(int[] a, int[] b) {
    int mismatch = Arrays.mismatch(a, b);
    return mismatch < 0 ? a.length : mismatch;
  }

  /**
   * The session that a prompt has least to compute with; empty where none helps. At least the
   * prompt's last token is left.
   */
  synchronized Optional<Begun> begin(Transformer model, int[] prompt, CacheOptions cache) {
    Kept best = null;
    int most = 0;
    for (Kept kept : all) {
      int usable = usable(kept, prompt, cache);
      if (usable > most) {
        best = kept;
        most = usable;
      }
    }
    if (best == null) {
      return Optional.empty();
    }
    boolean same = most >= Math.min(best.prompt, prompt.length - 1) && !best.isBeginning();
    if (same && !best.lent) {
      all.remove(best);
      best.session.truncate(most); // the same conversation goes on, or is asked again
      return Optional.of(new Begun(best.session, best.bytes));
    }
    best.used = System.nanoTime();
    if (most < LEAST) {
      return Optional.empty();
    }
    InferenceSession fork = model.fork(best.session);
    fork.truncate(most);
    return Optional.of(new Begun(fork, 0));
  }

  private static int usable(Kept kept, int[] prompt, CacheOptions cache) {
    if (!kept.session.cacheOptions().equals(cache)) {
      return 0;
    }
    int common = Math.min(common(kept.tokens, prompt), prompt.length - 1);
    return kept.session.canTruncate(common) ? common : 0;
  }

  /**
   * How many tokens a prompt has in common with one that is kept, whether or not its session can go
   * back to them.
   */
  synchronized int common(int[] prompt, CacheOptions cache) {
    return all.stream()
        .filter(kept -> kept.session.cacheOptions().equals(cache))
        .mapToInt(kept -> Math.min(common(kept.tokens, prompt), prompt.length - 1))
        .max()
        .orElse(0);
  }

  /** Whether a beginning so long is worth a copy where another is known already. */
  static boolean isWorth(int tokens, int known) {
    return tokens >= known + LEAST;
  }

  /** Whether sessions of such a cache can go on with another prompt. */
  static boolean canGoOn(CacheOptions cache) {
    return cache.budget().filter(budget -> budget.compress() == Compress.ONCE).isEmpty();
  }

  /**
   * Keeps a session.
   *
   * @param tokens that it holds, at least
   * @param prompt how many of them were asked with
   */
  synchronized Kept keep(InferenceSession session, int[] tokens, int prompt, long bytes) {
    int[] held = Arrays.copyOf(tokens, session.position());
    Kept kept = new Kept(session, held, Math.min(prompt, held.length), bytes);
    all.add(kept);
    return kept;
  }

  /** Lets a session be read until it is given back; false if it is not there any more. */
  synchronized boolean lend(Kept kept) {
    kept.lent = all.contains(kept);
    return kept.lent;
  }

  synchronized void giveBack(Kept kept) {
    kept.lent = false;
  }

  private Optional<Kept> oldestKept() {
    return all.stream()
        .filter(kept -> !kept.lent)
        .min(Comparator.comparingLong((Kept kept) -> kept.used));
  }

  /** When the one was wanted last that nobody wanted for longest; empty where there is none. */
  synchronized Optional<Long> oldest() {
    return oldestKept().map(kept -> kept.used);
  }

  /** Drops that one; returns the bytes that were counted for it. */
  synchronized long dropOldest() {
    Optional<Kept> oldest = oldestKept();
    oldest.ifPresent(
        kept -> {
          all.remove(kept);
          kept.session.close();
        });
    return oldest.map(kept -> kept.bytes).orElse(0L);
  }

  synchronized int size() {
    return all.size();
  }

  @Override
  public synchronized void close() {
    all.forEach(kept -> kept.session.close());
    all.clear();
  }
}
