package io.calidrop.tokenizer;

import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.gguf.TextArray;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The tokens of a model and which of them have a part to play. */
final class Vocabulary {
  /** Tokens that end a turn or a text in one model family or another, known by name. */
  private static final List<String> END_NAMES =
      List.of(
          "<|eot_id|>",
          "<|im_end|>",
          "<|end|>",
          "<end_of_turn>",
          "<|endoftext|>",
          "<|end_of_text|>",
          "<｜end▁of▁sentence｜>",
          "<end_of_utterance>",
          "<turn|>",
          "<|eom_id|>",
          "<EOT>",
          "<|EOT|>",
          "[EOT]");

  private static final int SHOWN_NAMES = 5;

  private final TextArray tokens;
  private final TokenType[] types;
  private final TextIndex ids;
  private final int bos;
  private final int eos;
  private final int unknown;
  private final Set<Integer> ends = new LinkedHashSet<>();
  private final List<String> retyped;

  /**
   * @param defaults ids of BOS, EOS and the unknown token where the metadata has none, -1 for none
   */
  Vocabulary(Metadata metadata, int[] defaults) {
    tokens = metadata.strings("tokenizer.ggml.tokens");
    types = types(metadata);
    ids = new TextIndex(tokens);
    bos = special(metadata, "bos", defaults[0]);
    eos = special(metadata, "eos", defaults[1]);
    unknown = special(metadata, "unknown", defaults[2]);
    for (String name : List.of("eos", "eot", "eom")) {
      addEnd(special(metadata, name, name.equals("eos") ? defaults[1] : -1));
    }
    END_NAMES.forEach(name -> addEnd(id(name)));
    retyped = retypeControls();
  }

  /** Makes control tokens of those that are called so; returns their names. */
  private List<String> retypeControls() {
    List<String> names = new ArrayList<>();
    for (int id = 0; id < types.length; id++) {
      boolean ordinary = types[id] == TokenType.NORMAL || types[id] == TokenType.USER_DEFINED;
      if (ordinary && isControlByName(id)) {
        types[id] = TokenType.CONTROL;
        names.add(tokens.get(id));
      }
    }
    return List.copyOf(names);
  }

  private boolean isControlByName(int id) {
    // Few of a vocabulary's tokens begin so, and all of them are looked at while a model loads.
    if (tokens.length(id) == 0 || !ControlNames.mayBegin(tokens.at(id, 0))) {
      return false;
    }
    String name = tokens.get(id);
    boolean edge = id == bos || ends.contains(id);
    return ControlNames.contains(name) || edge && ControlNames.looksLikeMarker(name);
  }

  /** What the vocabulary says of its tokens and cannot be meant, a line each. */
  List<String> notices() {
    if (retyped.isEmpty()) {
      return List.of();
    }
    String more =
        retyped.size() > SHOWN_NAMES ? " and %d more".formatted(retyped.size() - SHOWN_NAMES) : "";
    return List.of(
        "the file calls %s%s ordinary text: taken as control tokens"
            .formatted(
                String.join(" ", retyped.subList(0, Math.min(SHOWN_NAMES, retyped.size()))), more));
  }

  private TokenType[] types(Metadata metadata) {
    int[] numbers = metadata.findInts("tokenizer.ggml.token_type").orElse(new int[tokens.size()]);
    if (numbers.length != tokens.size()) {
      throw new ModelFormatException(
          "tokenizer.ggml.token_type has %d entries for %d tokens"
              .formatted(numbers.length, tokens.size()));
    }
    TokenType[] all = new TokenType[numbers.length];
    for (int id = 0; id < all.length; id++) {
      all[id] = TokenType.of(numbers[id]);
    }
    return all;
  }

  private int special(Metadata metadata, String name, int defaultId) {
    String key = "tokenizer.ggml." + name + "_token_id";
    int id = metadata.int32(key, defaultId < tokens.size() ? defaultId : -1);
    if (id >= tokens.size() || id < -1) {
      throw new ModelFormatException(
          "metadata key %s is %d, no token of the %d in the vocabulary"
              .formatted(key, id, tokens.size()));
    }
    return id;
  }

  private void addEnd(int id) {
    if (id >= 0) {
      ends.add(id);
    }
  }

  int size() {
    return tokens.size();
  }

  /** The id of a token by its spelling, or -1. */
  int id(String token) {
    byte[] bytes = token.getBytes(StandardCharsets.UTF_8);
    return ids.find(bytes, bytes.length);
  }

  /** The id of the token that the first bytes of {@code spelling} spell, or -1. */
  int id(byte[] spelling, int length) {
    return ids.find(spelling, length);
  }

  /** Bytes of a token's spelling. */
  int length(int id) {
    return tokens.length(id);
  }

  /** Writes the bytes of a token's spelling into {@code out}, from {@code offset} on. */
  void copy(int id, byte[] out, int offset) {
    tokens.copy(id, out, offset);
  }

  /**
   * @throws IllegalArgumentException if there is no such token
   */
  String token(int id) {
    check(id);
    return tokens.get(id);
  }

  TokenType type(int id) {
    check(id);
    return types[id];
  }

  private void check(int id) {
    if (id < 0 || id >= tokens.size()) {
      throw new IllegalArgumentException(
          "token %d is not in the vocabulary of %d".formatted(id, tokens.size()));
    }
  }

  int bos() {
    return bos;
  }

  int eos() {
    return eos;
  }

  int unknown() {
    return unknown;
  }

  Set<Integer> ends() {
    return Set.copyOf(ends);
  }
}
