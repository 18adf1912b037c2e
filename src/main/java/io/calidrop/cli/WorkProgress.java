package io.calidrop.cli;

import java.time.Duration;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * How far some work is and how long it will take: a bar on a terminal, now and then a line
 * elsewhere.
 */
final class WorkProgress implements AutoCloseable {
  private static final int COLUMNS = 100;
  private static final long LINE_NANOS = Duration.ofSeconds(30).toNanos();

  private final Io io;
  private final String name;
  private final String unit;
  private long total;
  private final ProgressBar bar; // or null
  private final long start = System.nanoTime();
  private long lastLine = start;
  private long done;

  /**
   * @param total of units; negative where nobody knows
   */
  WorkProgress(Io io, String name, String unit, long total) {
    this.io = io;
    this.name = name;
    this.unit = unit;
    this.total = total;
    bar = io.errTerminal() ? bar() : null;
  }

  private ProgressBar bar() {
    return new ProgressBarBuilder()
        .setTaskName(name)
        .setInitialMax(total)
        .setUnit(" " + unit, 1)
        .setStyle(ProgressBarStyle.ASCII)
        .setConsumer(new ConsoleProgressBarConsumer(io.err(), COLUMNS))
        .build();
  }

  /** Tells that {@code count} units need not be done: they were before. */
  void skip(long count) {
    if (total >= 0) {
      total -= count;
      if (bar != null) {
        bar.maxHint(total);
      }
    }
  }

  /** Tells that {@code count} more units are done. */
  void step(long count) {
    done += count;
    if (bar != null) {
      bar.stepTo(done);
      return;
    }
    long now = System.nanoTime();
    if (now - lastLine >= LINE_NANOS) {
      lastLine = now;
      io.err().println(line(now - start));
    }
  }

  private String line(long nanos) {
    if (total < 0) {
      return "%s: %d %s".formatted(name, done, unit);
    }
    Duration left = Duration.ofNanos((long) ((double) nanos / done * (total - done)));
    return "%s: %d of %d %s, about %d:%02d:%02d left"
        .formatted(
            name, done, total, unit, left.toHours(), left.toMinutesPart(), left.toSecondsPart());
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
