package io.calidrop.tokenizer;

import java.util.Arrays;

/**
 * Merges the tokens of one word: always the pair with the lowest rank, the leftmost of equals. A
 * heap of candidate pairs over a linked list of tokens takes O(n log n), however long the word.
 */
final class BytePairMerger {
  private static final int NONE = -1;

  private final MergeRules rules;
  private final int[] tokens;
  private final int[] next;
  private final int[] previous;
  private final int[] rank; // of the pair that a token begins, NONE if it cannot merge or is gone
  private final int[] merged; // the token that this pair gives
  private final int length;
  private long[] heap; // rank << 32 | position of the left token
  private int size;

  /**
   * @param tokens overwritten
   */
  BytePairMerger(MergeRules rules, int[] tokens) {
    this.rules = rules;
    this.tokens = tokens;
    length = tokens.length;
    next = new int[length];
    previous = new int[length];
    rank = new int[length];
    merged = new int[length];
    heap = new long[Math.max(1, length)];
  }

  /** The tokens that are left when no rule applies any more. */
  int[] merged() {
    for (int i = 0; i < length; i++) {
      next[i] = i + 1 < length ? i + 1 : NONE;
      previous[i] = i - 1;
    }
    for (int i = 0; i < length; i++) {
      offer(i);
    }
    int left = length;
    while (size > 0) {
      long best = poll();
      int i = (int) best;
      if (rank[i] != (int) (best >>> 32)) {
        continue; // the pair has changed since
      }
      int j = next[i];
      tokens[i] = merged[i];
      rank[j] = NONE;
      next[i] = next[j];
      if (next[i] != NONE) {
        previous[next[i]] = i;
      }
      left--;
      offer(i);
      if (previous[i] != NONE) {
        offer(previous[i]);
      }
    }
    int[] result = new int[left];
    int n = 0;
    for (int i = 0; n < left; i = next[i]) {
      result[n++] = tokens[i];
    }
    return result;
  }

  /** Makes the pair that begins at {@code i} a candidate, if a rule merges it. */
  private void offer(int i) {
    long merge = next[i] == NONE ? NONE : rules.merge(tokens[i], tokens[next[i]]);
    rank[i] = (int) (merge >> 32);
    merged[i] = (int) merge;
    if (merge >= 0) {
      push((long) rank[i] << 32 | i);
    }
  }

  private void push(long key) {
    if (size == heap.length) {
      heap = Arrays.copyOf(heap, 2 * size);
    }
    int i = size++;
    while (i > 0 && heap[(i - 1) / 2] > key) {
      heap[i] = heap[(i - 1) / 2];
      i = (i - 1) / 2;
    }
    heap[i] = key;
  }

  private long poll() {
    long best = heap[0];
    long key = heap[--size];
    int i = 0;
    while (2 * i + 1 < size) {
      int child = 2 * i + 1;
      if (child + 1 < size && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= key) {
        break;
      }
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = key;
    return best;
  }
}
