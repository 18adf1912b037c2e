package io.calidrop.sampling;

/**
 * The tokens still in the running, with their logits. Filters only remove: what stays keeps its
 * order, so that of two equal logits the lower id always comes first.
 */
final class Candidates {
  private final int[] ids; // [capacity]
  private final float[] logits; // [capacity]
  private final double[] probabilities; // [capacity], valid after softmax()
  private final boolean[] kept; // [capacity], all false between calls
  private final LongHeap heap;
  private int size;

  Candidates(int capacity) {
    ids = new int[capacity];
    logits = new float[capacity];
    probabilities = new double[capacity];
    kept = new boolean[capacity];
    heap = new LongHeap(capacity);
  }

  int size() {
    return size;
  }

  int id(int i) {
    return ids[i];
  }

  float logit(int i) {
    return logits[i];
  }

  double probability(int i) {
    return probabilities[i];
  }

  /** Makes room for {@code count} candidates, each to be {@link #set}. */
  void reset(int count) {
    size = count;
  }

  void set(int i, int id, float logit) {
    ids[i] = id;
    logits[i] = logit;
  }

  float maxLogit() {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < size; i++) {
      max = Math.max(max, logits[i]);
    }
    return max;
  }

  /**
   * Computes the probabilities of the candidates among themselves. {@link StrictMath} rather than
   * {@link Math}, whose last bit may differ between machines: a seed repeats a text everywhere.
   */
  void softmax(double temperature) {
    double max = maxLogit();
    double sum = 0;
    for (int i = 0; i < size; i++) {
      probabilities[i] = StrictMath.exp((logits[i] - max) / temperature);
      sum += probabilities[i];
    }
    for (int i = 0; i < size; i++) {
      probabilities[i] /= sum;
    }
  }

  /** A score of a candidate; the greater, the sooner it is kept. */
  @FunctionalInterface
  interface Score {
    float of(Candidates candidates, int i);
  }

  /**
   * Keeps the fewest candidates, best score first, whose {@link #probability probabilities} sum to
   * at least {@code mass}; never none.
   */
  void keepMass(Score score, double mass) {
    heap.clear();
    for (int i = 0; i < size; i++) {
      heap.append(~Rank.key(score.of(this, i), i));
    }
    heap.heapify();
    double sum = 0;
    do {
      int best = Rank.index(~heap.pop());
      kept[best] = true;
      sum += probabilities[best];
    } while (sum < mass && heap.size() > 0);
    compact();
  }

  /** Keeps the candidates with at least this logit. */
  void keepLogitsFrom(double least) {
    for (int i = 0; i < size; i++) {
      kept[i] = logits[i] >= least;
    }
    compact();
  }

  private void compact() {
    int count = 0;
    for (int i = 0; i < size; i++) {
      if (kept[i]) {
        kept[i] = false;
        set(count++, ids[i], logits[i]);
      }
    }
    size = count;
  }
}
