package io.calidrop.gguf;

/**
 * A model file that cannot be read or is not supported. The message is one line for the user: what
 * is wrong, where, and what would mend it.
 */
public final class ModelFormatException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ModelFormatException(String message) {
    super(message);
  }

  public ModelFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
