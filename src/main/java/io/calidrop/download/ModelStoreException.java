package io.calidrop.download;

import java.io.IOException;

/** A model that could not be found or fetched: one line for the user. */
public final class ModelStoreException extends IOException {
  private static final long serialVersionUID = 1L;

  public ModelStoreException(String message) {
    super(message);
  }

  public ModelStoreException(String message, Throwable cause) {
    super(message, cause);
  }
}
