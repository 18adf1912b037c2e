package io.calidrop.cli;

import io.calidrop.download.ProgressListener;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar on stderr, where that is a terminal. */
final class ProgressDisplay implements ProgressListener, AutoCloseable {
  private static final long MEBIBYTE = 1 << 20;
  private static final int COLUMNS = 100;

  private final Io io;
  private ProgressBar bar;

  ProgressDisplay(Io io) {
    this.io = io;
  }

  @Override
  public void progress(String name, long done, long total) {
    if (!io.errTerminal()) {
      return;
    }
    if (bar == null) {
      bar =
          new ProgressBarBuilder()
              .setTaskName(name)
              .setInitialMax(total)
              .setUnit(" MiB", MEBIBYTE)
              .setStyle(ProgressBarStyle.ASCII)
              .setConsumer(new ConsoleProgressBarConsumer(io.err(), COLUMNS))
              .build();
    }
    bar.maxHint(total);
    bar.stepTo(done);
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
