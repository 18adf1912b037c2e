package io.calidrop.eval.tasks;

import io.calidrop.generate.ChatMessage;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;

/** Kinds of documents with questions; the same seed gives the same document. */
public enum Task {
  /** Five digits in filler that repeats (arXiv 2305.16300). */
  PASSKEY {
    @Override
    TaskDocument document(SplittableRandom random, Room room) {
      String key = Words.number(5, random);
      String needle = "The pass key is %s. Remember it. %s is the pass key.".formatted(key, key);
      String filler =
          "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";
      String intro = "A pass key is hidden in the following text. Memorize it.";
      String text = hide(intro, List.of(needle), () -> filler, random, room);
      return TaskDocument.of(
          text,
          List.of(new Question("What is the pass key in the text above?", "The pass key is", key)),
          room.depth);
    }
  },
  /** One number in varied filler (single needle of RULER, arXiv 2404.06654). */
  NEEDLE {
    @Override
    TaskDocument document(SplittableRandom random, Room room) {
      return needles(1, random, room);
    }
  },
  /**
   * Four numbers, each under a key of its own, of which one is asked (RULER's multi-key needle).
   */
  MULTINEEDLE {
    @Override
    TaskDocument document(SplittableRandom random, Room room) {
      return needles(4, random, room);
    }
  },
  /** The value of a variable that was assigned from another, and that from a third. */
  TRACKING {
    @Override
    TaskDocument document(SplittableRandom random, Room room) {
      List<String> names = Words.some(List.of("A", "B", "C", "X", "Y", "Z"), 3, random);
      String value = Words.number(5, random);
      List<String> needles =
          List.of(
              "VAR %s = %s.".formatted(names.get(0), value),
              "VAR %s = VAR %s.".formatted(names.get(1), names.get(0)),
              "VAR %s = VAR %s.".formatted(names.get(2), names.get(1)));
      String intro = "Memorize how the variables are assigned in the following text.";
      String text = hide(intro, needles, () -> Words.sentence(random), random, room);
      String last = names.get(2);
      Question question =
          new Question(
              "What is the value of VAR %s in the text above?".formatted(last),
              "The value of VAR %s is".formatted(last),
              value);
      return TaskDocument.of(text, List.of(question), TaskDocument.NO_DEPTH);
    }
  },
  /** The next word of a random list that stands there thrice, given sixteen (induction). */
  COPY {
    @Override
    TaskDocument document(SplittableRandom random, Room room) {
      List<String> words = new ArrayList<>();
      do {
        words.add(Words.any(Words.NOUNS, random));
      } while (room.tokens.applyAsInt(String.join(" ", words)) < room.length / REPEATS);
      String list = String.join(" ", words);
      int from = random.nextInt(words.size() - GIVEN - ASKED + 1);
      String given = String.join(" ", words.subList(from, from + GIVEN));
      String asked = String.join(" ", words.subList(from + GIVEN, from + GIVEN + ASKED));
      Question question = new Question("Repeat a part of this list, word by word.", given, asked);
      return TaskDocument.of(
          String.join("\n\n", Collections.nCopies(REPEATS, list)),
          List.of(question),
          TaskDocument.NO_DEPTH);
    }
  },
  /** What a user said of herself several turns ago. */
  FACTS {
    @Override
    TaskDocument document(SplittableRandom random, Room room) {
      List<String> things =
          Words.some(
              List.of("dog", "sister", "boat", "street", "school", "cat", "hotel", "horse"),
              4,
              random);
      List<String> names =
          Words.some(
              List.of("Milo", "Clara", "Bruno", "Stella", "Oscar", "Nora", "Felix", "Ruby", "Hugo"),
              things.size(),
              random);
      List<Question> questions = new ArrayList<>();
      List<ChatMessage> turns = new ArrayList<>();
      int share = room.length / things.size();
      for (int i = 0; i < things.size(); i++) {
        String fact = "The name of my %s is %s.".formatted(things.get(i), names.get(i));
        Room turn = new Room(share - TURN_TOKENS, room.tokens, TaskDocument.NO_DEPTH);
        String text = hide("", List.of(fact), () -> Words.sentence(random), random, turn);
        turns.add(new ChatMessage("user", text));
        turns.add(new ChatMessage("assistant", "Thank you for telling me."));
        questions.add(
            new Question(
                "What is the name of my %s?".formatted(things.get(i)),
                "The name of your %s is".formatted(things.get(i)),
                names.get(i)));
      }
      return new TaskDocument(turns, questions, TaskDocument.NO_DEPTH);
    }
  };

  private static final int REPEATS = 3;
  private static final int GIVEN = 16;
  private static final int ASKED = 1;

  /** Roughly what an answer and the marks of two turns take. */
  private static final int TURN_TOKENS = 20;

  /**
   * How long a document is to be, in the tokens of a model.
   *
   * @param depth per cent of the text before its only needle, or {@link TaskDocument#NO_DEPTH}
   */
  record Room(int length, ToIntFunction<String> tokens, int depth) {}

  abstract TaskDocument document(SplittableRandom random, Room room);

  /** The task as a user writes it. */
  String lowerCase() {
    return toString().toLowerCase(Locale.ROOT);
  }

  /**
   * A document of about {@code length} tokens.
   *
   * @param index of the document among those of a seed
   * @param depths evenly spaced places, from the beginning of the text to its end, of which
   *     documents with a single needle have one in turn; 0 for a place at random
   * @param tokens counts a text's tokens
   */
  public TaskDocument document(
      long seed, int index, int length, int depths, ToIntFunction<String> tokens) {
    long place = (seed * 1009 + ordinal()) * 1_000_003 + length * 8191L + index;
    // Each seed begins elsewhere, so that a few documents of several seeds cover all places.
    long turn = depths == 0 ? 0 : Math.floorMod(index + 7 * seed, (long) depths);
    int depth = depths == 0 ? TaskDocument.NO_DEPTH : (int) (100 * turn / Math.max(1, depths - 1));
    return document(new SplittableRandom(place), new Room(length, tokens, depth));
  }

  private static TaskDocument needles(int count, SplittableRandom random, Room room) {
    List<String> keys = Words.some(Words.NOUNS, count, random);
    List<String> needles = new ArrayList<>();
    List<Question> questions = new ArrayList<>();
    for (String key : keys) {
      String value = Words.number(5, random);
      needles.add("The magic number of the %s is %s.".formatted(key, value));
      questions.add(
          new Question(
              "What is the magic number of the %s in the text above?".formatted(key),
              "The magic number of the %s is".formatted(key),
              value));
    }
    String intro = "Memorize the magic numbers that are hidden in the following text.";
    String text = hide(intro, needles, () -> Words.sentence(random), random, room);
    return TaskDocument.of(text, questions, count == 1 ? room.depth : TaskDocument.NO_DEPTH);
  }

  /**
   * Filler up to the length, the needles in their order at random places of it, or a single one at
   * the depth that is asked for.
   */
  private static String hide(
      String intro,
      List<String> needles,
      Supplier<String> filler,
      SplittableRandom random,
      Room room) {
    int free = room.length - room.tokens.applyAsInt(intro + " " + String.join(" ", needles));
    List<String> sentences = new ArrayList<>();
    while (free > 0) {
      String sentence = filler.get();
      free -= room.tokens.applyAsInt(" " + sentence);
      sentences.add(sentence);
    }
    List<Integer> places = new ArrayList<>();
    for (int i = 0; i < needles.size(); i++) {
      places.add(random.nextInt(sentences.size() + 1));
    }
    if (needles.size() == 1 && room.depth != TaskDocument.NO_DEPTH) {
      places.set(0, (int) ((long) sentences.size() * room.depth / 100));
    }
    Collections.sort(places);
    for (int i = needles.size() - 1; i >= 0; i--) {
      sentences.add(places.get(i), needles.get(i));
    }
    return (intro + " " + String.join(" ", sentences)).strip();
  }
}
