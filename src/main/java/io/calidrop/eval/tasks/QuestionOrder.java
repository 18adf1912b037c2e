package io.calidrop.eval.tasks;

/** What a cache knows of the question when it is compressed. */
public enum QuestionOrder {
  /** The question stands before the compression. */
  AWARE,
  /** It comes after. */
  AGNOSTIC
}
