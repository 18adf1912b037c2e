package io.calidrop.sampling;

/** The first narrowing: from all logits to the {@code k} greatest, the greatest first. */
final class TopK {
  private final int k;
  private final LongHeap heap;

  /**
   * A selection.
   *
   * @param k at least 1; from {@code vocabulary} on, every token stays, in the order of the ids
   */
  TopK(int k, int vocabulary) {
    this.k = Math.min(k, vocabulary);
    heap = new LongHeap(this.k < vocabulary ? this.k : 0);
  }

  /**
   * Fills the candidates. One pass holds the best so far in a heap: nearly every logit of a large
   * vocabulary is dismissed by one comparison with the heap's worst.
   *
   * @param logits [vocabulary]
   */
  void select(float[] logits, Candidates candidates) {
    candidates.reset(k);
    if (k == logits.length) {
      for (int id = 0; id < k; id++) {
        candidates.set(id, id, logits[id]);
      }
      return;
    }
    heap.clear();
    for (int id = 0; id < k; id++) {
      heap.append(Rank.key(logits[id], id));
    }
    heap.heapify();
    float worst = logits[Rank.index(heap.top())];
    for (int id = k; id < logits.length; id++) {
      if (logits[id] > worst) {
        heap.replaceTop(Rank.key(logits[id], id));
        worst = logits[Rank.index(heap.top())];
      }
    }
    for (int i = k - 1; i >= 0; i--) {
      int id = Rank.index(heap.pop());
      candidates.set(i, id, logits[id]);
    }
  }
}
