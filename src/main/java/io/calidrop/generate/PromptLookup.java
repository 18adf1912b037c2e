package io.calidrop.generate;

import java.util.Arrays;

/**
 * Guesses that the sequence goes on as it did where its last tokens occurred before (prompt lookup
 * decoding, A. Saxena 2023): summaries quote, edited code is mostly the old one. How often that is
 * right is counted for every token, guessed ahead or not, by how many tokens were alike before it.
 */
final class PromptLookup implements Drafter {
  /** Tokens alike that a guess needs. */
  private static final int LEAST = 2;

  private static final int MOST_COMPARED = 32;
  private static final int MOST_PLACES = 64;

  /** Expected of guesses after 2, 3, 4 to 7, 8 to 15, and more tokens alike. */
  private final HitRates rates = new HitRates(0.3, 0.45, 0.65, 0.8, 0.9);

  private int[] tokens = new int[256];
  private int count;

  /* Where each two tokens are followed: chains from the latest place to earlier ones. */
  private int[] latest = new int[512]; // [hashes] a place, or 0
  private int[] earlier = new int[257]; // [places] the one before of the same hash, or 0

  private int place; // of the token that is guessed next, or 0
  private int alike; // tokens before it that are the sequence's last

  /**
   * @param prompt holds the sequence so far in {@code [0, length)}
   */
  PromptLookup(int[] prompt, int length) {
    for (int i = 0; i < length; i++) {
      append(prompt[i]);
    }
    look();
  }

  @Override
  public void accept(int token) {
    boolean hit = place > 0 && tokens[place] == token;
    if (place > 0) {
      rates.add(kind(alike), hit);
    }
    append(token);
    if (hit) {
      place++;
      alike++;
    } else {
      look();
    }
  }

  private static int kind(int alike) {
    return alike < 4 ? alike - LEAST : alike < 8 ? 2 : alike < 16 ? 3 : 4;
  }

  /** Adds a token and notes the place after it. */
  private void append(int token) {
    if (count == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * count);
      earlier = Arrays.copyOf(earlier, 2 * count + 1);
      latest = new int[4 * count];
      for (int after = LEAST; after <= count; after++) {
        note(after);
      }
    }
    tokens[count++] = token;
    if (count >= LEAST) {
      note(count);
    }
  }

  private void note(int after) {
    int hash = hash(after);
    earlier[after] = latest[hash];
    latest[hash] = after;
  }

  private int hash(int after) {
    int hash = (tokens[after - 2] * 0x9E3779B1 + tokens[after - 1]) * 0x85EBCA77;
    return (hash ^ hash >>> 15) & latest.length - 1;
  }

  /** Finds the place with most tokens alike before it, of equal ones the latest. */
  private void look() {
    place = 0;
    alike = LEAST - 1;
    int at = count < LEAST ? 0 : earlier[count];
    for (int i = 0; i < MOST_PLACES && at > 0; i++) {
      int same = alike(at);
      if (same > alike) {
        place = at;
        alike = same;
      }
      at = earlier[at];
    }
  }

  private int alike(int at) {
    int same = 0;
    while (same < MOST_COMPARED && same < at && tokens[at - 1 - same] == tokens[count - 1 - same]) {
      same++;
    }
    return same;
  }

  @Override
  public int draft(int most, int[] tokens, double[] chances) {
    if (place == 0) {
      return 0;
    }
    for (int i = 0; i < most; i++) {
      int at = place + i;
      tokens[i] = at < count ? this.tokens[at] : tokens[at - count]; // a loop goes round again
      chances[i] = rates.of(kind(alike + i));
    }
    return most;
  }
}
