package io.calidrop.generate;

import java.util.Arrays;
import java.util.Optional;

/**
 * Marks between which a model thinks before it answers. Only what an answer begins with is
 * reasoning: a text about such marks is a text.
 */
public enum Reasoning {
  THINK("<think>", "</think>"),
  BRACKETS("[THINK]", "[/THINK]");

  private final String open;
  private final String close;

  Reasoning(String open, String close) {
    this.open = open;
    this.close = close;
  }

  public String open() {
    return open;
  }

  public String close() {
    return close;
  }

  /** The marks that a rendered prompt has opened: the answer begins inside of them. */
  static Optional<Reasoning> openedBy(String prompt) {
    String text = prompt.stripTrailing();
    return Arrays.stream(values()).filter(marks -> text.endsWith(marks.open)).findFirst();
  }

  /** The marks that an answer opens with, leading blanks aside. */
  public static Optional<Reasoning> begunBy(String answer) {
    String text = answer.stripLeading();
    return Arrays.stream(values()).filter(marks -> text.startsWith(marks.open)).findFirst();
  }

  /**
   * What the model thought, without marks and blanks around it; empty where the answer has no
   * reasoning, or does not end it.
   *
   * @param opened marks that the answer begins inside of
   */
  static String of(String answer, Optional<Reasoning> opened) {
    int end = end(answer, opened);
    if (end < 0) {
      return "";
    }
    String text = answer.substring(0, end).strip();
    return begunBy(text).map(marks -> text.substring(marks.open.length()).strip()).orElse(text);
  }

  /** An answer of which only the reasoning differs: a template that drops it writes both alike. */
  static String withMoreThoughts(String answer, Optional<Reasoning> opened) {
    return new StringBuilder(answer).insert(end(answer, opened), '.').toString();
  }

  /** Where the reasoning's closing mark is, or negative. */
  private static int end(String answer, Optional<Reasoning> opened) {
    return begunBy(answer).or(() -> opened).map(marks -> answer.indexOf(marks.close)).orElse(-1);
  }
}
