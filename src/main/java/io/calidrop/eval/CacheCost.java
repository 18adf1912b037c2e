package io.calidrop.eval;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Speed and memory of a session as its text grows. For one thread at a time. */
public final class CacheCost {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final int BATCH = 512;

  private final Transformer model;
  private final int decoded;

  /**
   * The cost at a position.
   *
   * @param position tokens seen
   * @param prefillRate tokens a second since the position before
   * @param firstTokenSeconds from the beginning of a prompt that long to its first token
   * @param decodeRate tokens a second, one at a time
   * @param cache what the cache holds
   * @param residentBytes of the process, or -1 where the system does not tell
   */
  public record Point(
      int position,
      double prefillRate,
      double firstTokenSeconds,
      double decodeRate,
      CacheStatistics cache,
      long residentBytes) {}

  /**
   * @param decoded tokens that are decoded at each position
   */
  public CacheCost(Transformer model, int decoded) {
    this.model = model;
    this.decoded = decoded;
  }

  /**
   * Feeds a text and measures on the way.
   *
   * @param context positions of the session
   * @param tokens as many as the last position, and those that are decoded besides
   * @param positions rising; those decoded at one lie beyond it
   * @param onPoint is told each point as it comes
   */
  public List<Point> measure(
      CacheOptions options,
      int context,
      int[] tokens,
      List<Integer> positions,
      Consumer<Point> onPoint) {
    List<Point> points = new ArrayList<>();
    // What an earlier session left behind is not this one's.
    System.gc();
    try (InferenceSession session = model.newSession(context, options)) {
      long prefillNanos = 0;
      int fed = 0;
      int next = 0;
      for (int position : positions) {
        long start = System.nanoTime();
        int count = position - session.position();
        for (int done = 0; done < count; done += BATCH) {
          int n = Math.min(BATCH, count - done);
          model.forward(session, tokens, next, next + n, done + n == count);
          next += n;
        }
        long prefill = System.nanoTime() - start;
        prefillNanos += prefill;
        fed += count;
        start = System.nanoTime();
        for (int i = 0; i < decoded; i++, next++) {
          model.forward(session, tokens, next, next + 1, true);
        }
        long decode = System.nanoTime() - start;
        Point point =
            new Point(
                position,
                count * 1e9 / prefill,
                // Tokens that were decoded on the way count as if they had been part of the prompt.
                prefillNanos / 1e9 * position / fed,
                decoded * 1e9 / decode,
                session.statistics(),
                residentBytes());
        points.add(point);
        onPoint.accept(point);
      }
    }
    return points;
  }

  private static long residentBytes() {
    try {
      for (String line : Files.readAllLines(STATUS)) {
        if (line.startsWith("VmRSS:")) {
          return Long.parseLong(line.replaceAll("\\D", "")) << 10;
        }
      }
    } catch (IOException | NumberFormatException e) {
      return -1; // no Linux
    }
    return -1;
  }
}
