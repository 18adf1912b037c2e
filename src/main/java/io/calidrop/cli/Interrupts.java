package io.calidrop.cli;

import java.util.function.BooleanSupplier;
import org.jline.utils.Signals;

/** Ctrl-C: ends the answer that is being generated instead of the process. */
final class Interrupts implements BooleanSupplier, AutoCloseable {
  private final Object previous;
  private final Runnable whenIdle;
  private volatile boolean generating;
  private volatile boolean interrupted;

  /**
   * @param whenIdle what to do about Ctrl-C while nothing is generated
   */
  Interrupts(Runnable whenIdle) {
    this.whenIdle = whenIdle;
    previous = Signals.register("INT", this::raise);
  }

  /** Does what Ctrl-C does. */
  void raise() {
    if (!generating) {
      whenIdle.run();
    } else if (interrupted) {
      Runtime.getRuntime().halt(ExitCode.INTERRUPTED); // asked twice: a long prompt is being read
    }
    interrupted = true;
  }

  /** Tells that an answer begins, forgetting an earlier interruption. */
  void begin() {
    interrupted = false;
    generating = true;
  }

  /** Ends the answer as Ctrl-C does. */
  void stop() {
    interrupted = true;
  }

  void end() {
    generating = false;
  }

  /** Whether the user has interrupted the answer. */
  @Override
  public boolean getAsBoolean() {
    return interrupted;
  }

  @Override
  public void close() {
    Signals.unregister("INT", previous);
  }
}
