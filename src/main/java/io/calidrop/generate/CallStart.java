package io.calidrop.generate;

import io.calidrop.constraint.CallForm;
import io.calidrop.constraint.JsonCalls;

/**
 * Finds where the calls of an answer begin as it comes: each character is looked at once. What a
 * model thinks calls nothing. For one thread at a time.
 */
final class CallStart {
  private final CallForm form;
  private int scanned; // characters
  private int thought; // where the answer begins, after what the model thought
  private int begin = -1;

  CallStart(CallForm form) {
    this.form = form;
  }

  /**
   * Where the first call begins, or negative.
   *
   * @param text what it was the time before, and more
   */
  int in(StringBuilder text) {
    for (Reasoning marks : Reasoning.values()) {
      int close = thought > 0 ? -1 : text.indexOf(marks.close(), from(marks.close()));
      if (close >= 0) {
        thought = close + marks.close().length();
        begin = -1;
      }
    }
    if (begin < 0) {
      begin =
          form == JsonCalls.OBJECT ? object(text) : text.indexOf(form.mark(), from(form.mark()));
    }
    scanned = text.length();
    return begin;
  }

  /** Where a mark may begin that was not there before. */
  private int from(String mark) {
    return Math.max(thought, scanned - mark.length() + 1);
  }

  private int object(StringBuilder text) {
    int at = thought;
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    return at < text.length() && text.charAt(at) == form.mark().charAt(0) ? at : -1;
  }
}
