package io.calidrop.eval.tasks;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;

/** Words and sentences that carry no answer. */
final class Words {
  static final List<String> NOUNS =
      List.of(
          "apple",
          "bridge",
          "candle",
          "desert",
          "engine",
          "forest",
          "garden",
          "hammer",
          "island",
          "jacket",
          "kitchen",
          "ladder",
          "mirror",
          "needle",
          "orange",
          "pencil",
          "queen",
          "river",
          "shadow",
          "table",
          "umbrella",
          "valley",
          "window",
          "yellow",
          "basket",
          "castle",
          "doctor",
          "elephant",
          "feather",
          "guitar",
          "helmet",
          "insect",
          "jungle",
          "kettle",
          "lemon",
          "mountain",
          "notebook",
          "ocean",
          "piano",
          "rabbit",
          "silver",
          "tiger",
          "village",
          "wagon",
          "anchor",
          "butter",
          "camera",
          "dragon",
          "eagle",
          "flower",
          "ginger",
          "harbor",
          "iron",
          "jewel",
          "king",
          "lantern",
          "market",
          "night",
          "olive",
          "palace",
          "quilt",
          "rocket",
          "spoon",
          "tower");

  private static final List<String> WHO =
      List.of(
          "The baker",
          "An old sailor",
          "My neighbour",
          "The young teacher",
          "A tall stranger",
          "The gardener",
          "Our postman",
          "The fisherman",
          "A quiet student",
          "The carpenter");

  private static final List<String> DID =
      List.of(
          "walked to",
          "looked for",
          "painted",
          "remembered",
          "talked about",
          "waited near",
          "wrote about",
          "went past",
          "dreamt of",
          "asked about");

  private static final List<String> WHEN =
      List.of(
          "before noon",
          "in the evening",
          "after the rain",
          "on a cold day",
          "last summer",
          "without a word",
          "for a long time",
          "with great care",
          "early in the morning",
          "as always");

  private Words() {}

  static <T> T any(List<T> list, SplittableRandom random) {
    return list.get(random.nextInt(list.size()));
  }

  /** Some of a list, all different, in random order. */
  static <T> List<T> some(List<T> list, int count, SplittableRandom random) {
    List<T> shuffled = new ArrayList<>(list);
    for (int i = shuffled.size() - 1; i > 0; i--) {
      Collections.swap(shuffled, i, random.nextInt(i + 1));
    }
    return shuffled.subList(0, count);
  }

  static String sentence(SplittableRandom random) {
    return "%s %s the %s %s."
        .formatted(any(WHO, random), any(DID, random), any(NOUNS, random), any(WHEN, random));
  }

  /** A number of so many digits, the first not zero. */
  static String number(int digits, SplittableRandom random) {
    int least = (int) Math.pow(10, digits - 1);
    return String.valueOf(random.nextInt(least, 10 * least));
  }
}
