package io.calidrop.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Probabilities of tokens as OpenAI's API writes them. */
final class Logprobs {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private Logprobs() {}

  static ObjectNode ofChat(List<Probability> tokens, Tokenizer tokenizer) {
    ObjectNode all = JSON.objectNode();
    ArrayNode content = all.putArray("content");
    for (Probability token : tokens) {
      ObjectNode entry = entry(token, tokenizer);
      ArrayNode others = entry.putArray("top_logprobs");
      content.add(entry);
      token.others().forEach(other -> others.add(entry(other, tokenizer)));
    }
    return all.putNull("refusal");
  }

  private static ObjectNode entry(Probability token, Tokenizer tokenizer) {
    byte[] bytes = tokenizer.bytes(token.token());
    ObjectNode entry =
        JSON.objectNode().put("token", text(bytes)).put("logprob", token.logarithm());
    ArrayNode values = entry.putArray("bytes");
    for (byte value : bytes) {
      values.add(value & 0xff);
    }
    return entry;
  }

  static ObjectNode ofCompletion(List<Probability> tokens, Tokenizer tokenizer) {
    ObjectNode all = JSON.objectNode();
    ArrayNode texts = all.putArray("tokens");
    ArrayNode logarithms = all.putArray("token_logprobs");
    ArrayNode tops = all.putArray("top_logprobs");
    for (Probability token : tokens) {
      texts.add(text(tokenizer.bytes(token.token())));
      logarithms.add(token.logarithm());
      ObjectNode top = tops.addObject();
      token
          .others()
          .forEach(other -> top.put(text(tokenizer.bytes(other.token())), other.logarithm()));
    }
    return all;
  }

  /** A token may be a part of a character, which shows as a question mark. */
  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
