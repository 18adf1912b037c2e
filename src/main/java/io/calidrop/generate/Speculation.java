package io.calidrop.generate;

import java.nio.file.Path;
import java.util.Optional;

/**
 * How tokens are guessed ahead, so that one pass over the weights checks several. The text is the
 * same to the bit; only what it costs is another.
 *
 * @param tokens guessed for each pass where something can be guessed from, 0 for none, or {@link
 *     #AUTO}: as many as pay
 * @param draft a smaller model with the same vocabulary that guesses; without one what the text
 *     repeats of itself is guessed
 */
public record Speculation(int tokens, Optional<Path> draft) {
  /** As many tokens as pay by what was measured so far. */
  public static final int AUTO = -1;

  /** Most tokens guessed for a pass. */
  public static final int MOST = 15;

  public Speculation {
    if (tokens < AUTO || tokens > MOST) {
      throw new IllegalArgumentException(
          "tokens to draft: auto, off, or from 1 to %d, not %d".formatted(MOST, tokens));
    }
  }

  /** Nothing is guessed. */
  public static Speculation off() {
    return new Speculation(0, Optional.empty());
  }

  /** What the text repeats of itself is guessed where it pays. */
  public static Speculation auto() {
    return new Speculation(AUTO, Optional.empty());
  }

  boolean isOff() {
    return tokens == 0;
  }

  boolean isAuto() {
    return tokens == AUTO;
  }
}
