package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Guesses from what a sequence repeats of itself. */
class PromptLookupTest {
  private final int[] tokens = new int[8];
  private final double[] chances = new double[8];

  private int[] draft(PromptLookup lookup) {
    return Arrays.copyOf(tokens, lookup.draft(tokens.length, tokens, chances));
  }

  private static PromptLookup of(int... prompt) {
    return new PromptLookup(prompt, prompt.length);
  }

  @Test
  void twoTokensThatNeverOccurredGiveNoGuess() {
    assertThat(draft(of())).isEmpty();
    assertThat(draft(of(1))).isEmpty();
    assertThat(draft(of(1, 2, 3, 1, 4))).isEmpty();
  }

  @Test
  void theTextGoesOnAsItDidAfterMostTokensAlike() {
    PromptLookup lookup = of(9, 1, 2, 3, 50, 51, 8, 1, 2, 3, 60, 61, 7, 2, 3, 70, 8, 1, 2);
    lookup.accept(3);
    assertThat(draft(lookup)).startsWith(60, 61, 7, 2, 3, 70);
    lookup.accept(60);
    assertThat(draft(lookup)).startsWith(61, 7, 2, 3);
  }

  @Test
  void ofPlacesAlikeTheLatestCounts() {
    assertThat(draft(of(5, 1, 2, 30, 6, 1, 2, 40, 7, 1, 2))).startsWith(40, 7, 1, 2);
  }

  @Test
  void aLoopGoesOnBeyondWhatThereIs() {
    assertThat(draft(of(1, 2, 3, 1, 2, 3))).containsExactly(1, 2, 3, 1, 2, 3, 1, 2);
  }

  @Test
  void chancesGrowWithTheTokensAlikeAndFallWithFailures() {
    PromptLookup lookup = of(1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2);
    draft(lookup);
    assertThat(chances[0]).isLessThan(0.5).isPositive();
    assertThat(chances[7]).isGreaterThan(chances[0]);
    double before = chances[0];
    for (int i = 0; i < 20; i++) {
      lookup.accept(100 + i); // not 3
      lookup.accept(1);
      lookup.accept(2);
    }
    draft(lookup);
    assertThat(chances[0]).isLessThan(before / 2);
  }

  /** Against a search without an index, over a text that outgrows the first arrays many times. */
  @Test
  void findsWhatASearchFinds() {
    Random random = new Random(1);
    int[] text = random.ints(3000, 0, 12).toArray();
    PromptLookup lookup = new PromptLookup(text, 10);
    int guesses = 0;
    for (int count = 10; count < text.length; count++) {
      int[] draft = draft(lookup);
      boolean occurred = false;
      for (int at = 2; at < count && !occurred; at++) {
        occurred = text[at - 2] == text[count - 2] && text[at - 1] == text[count - 1];
      }
      assertThat(draft.length > 0).as("after %d tokens", count).isEqualTo(occurred);
      guesses += occurred ? 1 : 0;
      lookup.accept(text[count]);
    }
    assertThat(guesses).isGreaterThan(2500);
  }
}
