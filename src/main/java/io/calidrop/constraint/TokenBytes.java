package io.calidrop.constraint;

import io.calidrop.tokenizer.Tokenizer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.stream.IntStream;

/**
 * The tokens of a vocabulary by their bytes, and what states of lexemes say about them. A control
 * token is spelled with a byte around it that no text has, so that only a lexeme which names it
 * takes it. Safe for concurrent use.
 */
final class TokenBytes {
  /** Stands before and after the text of a control token. */
  static final byte CONTROL = (byte) 0xff;

  private static final char REPLACEMENT = '\uFFFD'; // of bytes that are no character
  private static final int NO_TEXT = 0xf8; // from here on no byte is part of UTF-8
  private static final long MOST_BYTES = 64L << 20; // of the masks that are kept

  private static final Map<Tokenizer, TokenBytes> KNOWN =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final byte[][] bytes;
  private final int[] ends;
  private final int words; // of a mask
  private final int longest; // bytes of a token
  private final TokenTrie all;
  private final TokenTrie rest; // those that are not plain
  private final int[] lengths; // of plain tokens in characters, each once, in order
  private final long[][] plain; // the plain tokens of up to so many characters
  private final Map<Object, LexemeMask> masks = new LinkedHashMap<>();

  private TokenBytes(Tokenizer tokenizer) {
    int size = tokenizer.vocabularySize();
    bytes = new byte[size][];
    ends = tokenizer.endTokens().stream().mapToInt(Integer::intValue).toArray();
    words = (size + 63) / 64;
    int[] characters = new int[size];
    boolean[] single = new boolean[256];
    BitSet counts = new BitSet();
    int longest = 0;
    for (int id = 0; id < size; id++) {
      bytes[id] = spelled(tokenizer, id);
      characters[id] = plainCharacters(bytes[id]);
      counts.set(characters[id]);
      longest = Math.max(longest, bytes[id].length);
      if (bytes[id].length == 1) {
        single[bytes[id][0] & 0xff] = true;
      }
    }
    requireBytes(single);
    this.longest = longest;
    int[] tokens = TokenOrder.of(bytes);
    all = new TokenTrie(bytes, tokens);
    int[] special = new int[tokens.length];
    int specials = 0;
    for (int id : tokens) {
      if (characters[id] == 0) {
        special[specials++] = id;
      }
    }
    rest = new TokenTrie(bytes, Arrays.copyOf(special, specials));
    counts.clear(0);
    lengths = counts.stream().toArray();
    plain = new long[lengths.length][words];
    for (int id : tokens) {
      if (characters[id] > 0) {
        plain[Arrays.binarySearch(lengths, characters[id])][id >> 6] |= 1L << id;
      }
    }
    for (int i = 1; i < lengths.length; i++) {
      or(plain[i], plain[i - 1]);
    }
  }

  /** Those of a tokenizer, which are collected once. */
  static TokenBytes of(Tokenizer tokenizer) {
    return KNOWN.computeIfAbsent(tokenizer, TokenBytes::new);
  }

  /** A token's bytes, none where it is never part of a text. */
  private static byte[] spelled(Tokenizer tokenizer, int id) {
    if (tokenizer.endTokens().contains(id)) {
      return new byte[0];
    }
    if (!tokenizer.isControl(id)) {
      byte[] text = tokenizer.bytes(id);
      for (byte b : text) {
        if ((b & 0xff) >= NO_TEXT) {
          return new byte[0];
        }
      }
      return text;
    }
    return control(tokenizer.piece(id));
  }

  /** How a control token is spelled. */
  static byte[] control(String piece) {
    byte[] text = piece.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(text.length + 2).put(CONTROL).put(text).put(CONTROL).array();
  }

  /** How many characters a token has, or 0 where a string of JSON spells some otherwise. */
  private static int plainCharacters(byte[] bytes) {
    boolean ascii = true;
    for (byte b : bytes) {
      if (b >= 0 && b < ' ' || b == '"' || b == '\\') {
        return 0;
      }
      ascii &= b >= 0;
    }
    if (ascii) {
      return bytes.length;
    }
    String text = new String(bytes, StandardCharsets.UTF_8);
    return text.indexOf(REPLACEMENT) < 0 ? text.codePointCount(0, text.length()) : 0;
  }

  /**
   * With a token for each of these bytes, no state is without a token, whatever its text is.
   * Vocabularies lack first bytes of characters that nobody has assigned.
   */
  private static void requireBytes(boolean[] single) {
    for (int b = ' '; b < 0xc0; b++) {
      if (!single[b] && b != 0x7f) {
        throw new IllegalArgumentException(
            "the model's vocabulary has no token for the byte 0x%02x: its answers cannot be bound to a schema"
                .formatted(b));
      }
    }
  }

  /** Adds the bits of another mask. */
  static void or(long[] mask, long[] other) {
    for (int i = 0; i < mask.length; i++) {
      mask[i] |= other[i];
    }
  }

  byte[] bytes(int token) {
    return bytes[token];
  }

  /** 64 bits each of a mask. */
  int words() {
    return words;
  }

  /** Sets the bits of the end tokens. */
  void markEnds(long[] mask) {
    for (int id : ends) {
      mask[id >> 6] |= 1L << id;
    }
  }

  /** What a state of a lexeme says about the tokens. */
  synchronized LexemeMask mask(Lexeme lexeme, int state) {
    if ((masks.size() + 1L) * words * Long.BYTES > MOST_BYTES) {
      masks.clear();
    }
    return masks.computeIfAbsent(lexeme.key(state, longest), key -> walk(lexeme, state));
  }

  private LexemeMask walk(Lexeme lexeme, int state) {
    int room = lexeme.room(state);
    int index = Arrays.binarySearch(lengths, room);
    int set = index >= 0 ? index : -index - 2; // the last that is not longer
    TokenTrie trie = room < 0 ? all : rest;
    long[] allowed = room < 0 || set < 0 ? new long[words] : plain[set].clone();
    IntStream.Builder exits = IntStream.builder();
    walk(lexeme, state, trie, 0, allowed, exits);
    return new LexemeMask(allowed, trie, exits.build().toArray());
  }

  private void walk(
      Lexeme lexeme, int state, TokenTrie trie, int node, long[] allowed, IntStream.Builder exits) {
    for (int child = node + 1; child < trie.end(node); child = trie.end(child)) {
      int next = lexeme.next(state, trie.value(child));
      if (next != Lexeme.DEAD) {
        trie.mark(child, allowed);
        if (lexeme.accepts(next) && trie.end(child) > child + 1) {
          exits.add(child);
        }
        walk(lexeme, next, trie, child, allowed, exits);
      }
    }
  }
}
