package io.calidrop.tokenizer;

import java.util.HashMap;
import java.util.Map;

/** Finds tokens that are recognised by their whole text, the longest at each place, with a trie. */
final class SpecialTokens {
  private static final class Node {
    final Map<Character, Node> next = new HashMap<>();
    int token = -1;
  }

  /** A token found in a text. */
  record Match(int start, int end, int token) {}

  private final Node userDefined = new Node();
  private final Node all = new Node();

  SpecialTokens(Vocabulary vocabulary) {
    for (int id = 0; id < vocabulary.size(); id++) {
      TokenType type = vocabulary.type(id);
      if (type == TokenType.USER_DEFINED) {
        add(userDefined, vocabulary.token(id), id);
      }
      if (type == TokenType.USER_DEFINED
          || type == TokenType.CONTROL
          || type == TokenType.UNKNOWN) {
        add(all, vocabulary.token(id), id);
      }
    }
  }

  private static void add(Node root, String text, int token) {
    if (text.isEmpty()) {
      return;
    }
    Node node = root;
    for (int i = 0; i < text.length(); i++) {
      node = node.next.computeIfAbsent(text.charAt(i), c -> new Node());
    }
    node.token = token;
  }

  /**
   * The first token at or after {@code from}, or null.
   *
   * @param control whether control tokens count too
   */
  Match find(String text, int from, boolean control) {
    Node root = control ? all : userDefined;
    if (root.next.isEmpty()) {
      return null;
    }
    for (int start = from; start < text.length(); start++) {
      Match match = null;
      Node node = root;
      for (int i = start; i < text.length(); i++) {
        node = node.next.get(text.charAt(i));
        if (node == null) {
          break;
        }
        if (node.token >= 0) {
          match = new Match(start, i + 1, node.token);
        }
      }
      if (match != null) {
        return match;
      }
    }
    return null;
  }
}
