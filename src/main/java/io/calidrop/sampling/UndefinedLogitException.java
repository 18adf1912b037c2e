package io.calidrop.sampling;

/** A logit that is NaN or infinite, of which no distribution can be made. */
public final class UndefinedLogitException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  UndefinedLogitException(int token, float logit) {
    super("the logit of token %d is %s".formatted(token, logit));
  }
}
