package io.calidrop.serve;

import java.util.OptionalInt;

/** What a client is told instead of an answer. The message is for its user. */
final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String code; // or null
  private final int retrySeconds; // 0 for never

  private ApiException(int status, String code, int retrySeconds, String message, Throwable cause) {
    super(message, cause, false, false);
    this.status = status;
    this.code = code;
    this.retrySeconds = retrySeconds;
  }

  static ApiException badRequest(String message) {
    return new ApiException(400, null, 0, message, null);
  }

  static ApiException of(int status, String code, String message) {
    return new ApiException(status, code, 0, message, null);
  }

  static ApiException busy(int status, String code, int retrySeconds, String message) {
    return new ApiException(status, code, retrySeconds, message, null);
  }

  static ApiException internal() {
    return new ApiException(
        500, "internal_error", 0, "the server failed on this request; its log says why", null);
  }

  /**
   * A model that is there and cannot be used.
   *
   * @param cause for the server's log
   */
  static ApiException notLoaded(String name, Throwable cause) {
    return new ApiException(
        500, "model_not_loaded", 0, "the model \"%s\" cannot be loaded".formatted(name), cause);
  }

  static ApiException ending() {
    return busy(503, "server_ending", 5, "the server is ending");
  }

  int status() {
    return status;
  }

  /** The kind of error, as OpenAI calls it. */
  String type() {
    return switch (status) {
      case 401 -> "authentication_error";
      case 429 -> "rate_limit_error";
      default -> status < 500 ? "invalid_request_error" : "server_error";
    };
  }

  /** A word for programs, or null. */
  String code() {
    return code;
  }

  /** Seconds after which it may go better. */
  OptionalInt retrySeconds() {
    return retrySeconds > 0 ? OptionalInt.of(retrySeconds) : OptionalInt.empty();
  }
}
