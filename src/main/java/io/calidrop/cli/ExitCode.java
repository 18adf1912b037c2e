package io.calidrop.cli;

/** Exit codes of all commands. */
final class ExitCode {
  static final int OK = 0;
  static final int ERROR = 1;
  static final int USAGE = 2;

  /** A batch is finished, and some of its results are errors. */
  static final int BATCH_FAILURES = 3;

  static final int INTERRUPTED = 130;

  private ExitCode() {}
}
