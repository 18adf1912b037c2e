package io.calidrop.generate;

/** Why a generation ended. */
public enum StopReason {
  /** The model produced one of its end tokens. */
  END_TOKEN("end of turn"),
  /** The text is all that its constraint allows. */
  COMPLETE("complete"),
  /** A stop string appeared; it is not part of the text. */
  STOP_STRING("stop string"),
  /** As many tokens as were asked for. */
  LENGTH("token limit"),
  /** No position is left in the context. */
  CONTEXT_FULL("context full"),
  /** The caller interrupted it. */
  INTERRUPTED("interrupted");

  private final String label;

  StopReason(String label) {
    this.label = label;
  }

  /** The reason in words for the user. */
  public String label() {
    return label;
  }
}
