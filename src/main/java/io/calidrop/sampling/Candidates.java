package io.calidrop.sampling;

/**
 * The tokens that are still in question, with their logits: the likeliest first once they are
 * sorted, equal ones by id.
 */
final class Candidates {
  final int[] ids;
  final float[] logits;
  final double[] probabilities;
  int size;

  Candidates(int capacity) {
    ids = new int[capacity];
    logits = new float[capacity];
    probabilities = new double[capacity];
  }

  /**
   * Takes the {@code k} likeliest tokens of all, sorted. A heap of k keeps the least likely on top.
   */
  void selectTop(float[] all, int k) {
    size = 0;
    for (int id = 0; id < all.length; id++) {
      if (size < k) {
        ids[size] = id;
        logits[size] = all[id];
        siftUp(size++);
      } else if (all[id] > logits[0]) {
        ids[0] = id;
        logits[0] = all[id];
        siftDown(0, size);
      }
    }
    for (int end = size - 1; end > 0; end--) {
      swap(0, end);
      siftDown(0, end);
    }
  }

  private void siftUp(int i) {
    while (i > 0 && before((i - 1) / 2, i)) {
      swap(i, (i - 1) / 2);
      i = (i - 1) / 2;
    }
  }

  private void siftDown(int i, int end) {
    while (2 * i + 1 < end) {
      int child = 2 * i + 1;
      if (child + 1 < end && before(child, child + 1)) {
        child++;
      }
      if (before(child, i)) {
        return;
      }
      swap(i, child);
      i = child;
    }
  }

  /** Whether candidate {@code i} is likelier than {@code j}. */
  private boolean before(int i, int j) {
    return logits[i] > logits[j] || logits[i] == logits[j] && ids[i] < ids[j];
  }

  void swap(int i, int j) {
    int id = ids[i];
    ids[i] = ids[j];
    ids[j] = id;
    float logit = logits[i];
    logits[i] = logits[j];
    logits[j] = logit;
  }

  /** Fills {@link #probabilities} with the softmax of the logits; they must be sorted. */
  void softmax() {
    double sum = 0;
    for (int i = 0; i < size; i++) {
      probabilities[i] = Math.exp(logits[i] - logits[0]);
      sum += probabilities[i];
    }
    for (int i = 0; i < size; i++) {
      probabilities[i] /= sum;
    }
  }
}
