package io.calidrop.constraint;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A symbol that stands for one of several sequences of symbols. Its alternatives are added before
 * it is used; a rule without any stands for nothing at all.
 */
final class Rule implements Symbol {
  /** No text is so low. */
  static final int INFINITE = Integer.MAX_VALUE / 2;

  private List<Symbol[]> alternatives = new ArrayList<>();
  private int height = INFINITE;

  void add(Symbol... sequence) {
    alternatives.add(sequence);
  }

  List<Symbol[]> alternatives() {
    return alternatives;
  }

  /** How many rules there must be within each other for its lowest text. */
  int height() {
    return height;
  }

  /** How many there must be for a sequence. */
  static int height(Symbol[] sequence) {
    int most = 0;
    for (int i = 0; i < sequence.length; i++) {
      if (sequence[i] instanceof Rule rule) {
        // The last one takes the place of the whole sequence.
        most = Math.max(most, rule.height + (i + 1 < sequence.length ? 1 : 0));
      }
    }
    return Math.min(most, INFINITE);
  }

  /** Computes the heights of all rules that this one needs, and drops what can have no text. */
  void settle() {
    Map<Rule, List<Rule>> users = new HashMap<>();
    Set<Rule> seen = new HashSet<>(Set.of(this));
    Deque<Rule> queue = new ArrayDeque<>(seen);
    while (!queue.isEmpty()) {
      Rule rule = queue.poll();
      for (Symbol[] sequence : rule.alternatives) {
        for (Symbol symbol : sequence) {
          if (symbol instanceof Rule part) {
            users.computeIfAbsent(part, key -> new ArrayList<>()).add(rule);
            if (seen.add(part)) {
              queue.add(part);
            }
          }
        }
      }
    }
    queue.addAll(seen);
    while (!queue.isEmpty()) {
      Rule rule = queue.poll();
      int lowest = rule.alternatives.stream().mapToInt(Rule::height).min().orElse(INFINITE);
      if (lowest < rule.height) {
        rule.height = lowest;
        queue.addAll(users.getOrDefault(rule, List.of()));
      }
    }
    for (Rule rule : seen) {
      rule.alternatives =
          rule.alternatives.stream().filter(sequence -> height(sequence) < INFINITE).toList();
    }
  }
}
