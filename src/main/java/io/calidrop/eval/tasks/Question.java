package io.calidrop.eval.tasks;

/**
 * What is asked of a document.
 *
 * @param text the question
 * @param answerStart beginning of the answer that is given to the model
 * @param expected what it has to go on with
 */
public record Question(String text, String answerStart, String expected) {

  /** Whether a continuation of {@link #answerStart} begins with the expected words, exactly. */
  public boolean isAnsweredBy(String continuation) {
    String answer = continuation.strip();
    return answer.startsWith(expected)
        && (answer.length() == expected.length()
            || !Character.isLetterOrDigit(answer.charAt(expected.length())));
  }
}
