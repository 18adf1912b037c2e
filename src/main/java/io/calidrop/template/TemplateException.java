package io.calidrop.template;

/**
 * A template that cannot be read, that fails, or that refuses what it was given. The message is one
 * line: where, and what is wrong.
 */
public final class TemplateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final boolean refusal;
  private int offset; // into the source, or -1 while unknown
  private String place = "";

  TemplateException(String reason) {
    this(reason, -1, false);
  }

  TemplateException(String reason, int offset) {
    this(reason, offset, false);
  }

  private TemplateException(String reason, int offset, boolean refusal) {
    super(reason);
    this.offset = offset;
    this.refusal = refusal;
  }

  /** What {@code raise_exception} throws. */
  static TemplateException refusal(String sentence) {
    return new TemplateException(sentence, -1, true);
  }

  /** Whether the template itself said no, by {@code raise_exception}. */
  public boolean isRefusal() {
    return refusal;
  }

  /** Where it fails, such as "line 3, column 5", counted from 1. */
  public String place() {
    return place;
  }

  /** What is wrong, without the place; the template's own sentence where it refuses. */
  public String reason() {
    return super.getMessage().strip().replaceAll("\\s+", " ");
  }

  @Override
  public String getMessage() {
    return place.isEmpty() ? reason() : place + ": " + reason();
  }

  /** Says where, unless something further inside has said it. */
  void at(int position) {
    if (offset < 0) {
      offset = position;
    }
  }

  /** Turns the offset into a place that people find. */
  TemplateException in(String source) {
    int end = Math.clamp(offset, 0, source.length());
    int line = 1;
    for (int i = 0; i < end; i++) {
      if (source.charAt(i) == '\n') {
        line++;
      }
    }
    place = "line " + line + ", column " + (end - source.lastIndexOf('\n', end - 1));
    return this;
  }
}
