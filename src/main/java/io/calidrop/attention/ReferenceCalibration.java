package io.calidrop.attention;

import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.tensor.VectorMath;
import java.util.Arrays;

/**
 * CaliDrop as the paper has it (arXiv 2507.19906): for each query head a reference, a historical
 * query with what the evicted tokens gave to it. A query close to the reference uses that again
 * (CALIBRATE); one far from it attends all stored rows and becomes the reference (RECOMPUTE); in
 * between, or without a store, nothing is added (SKIP).
 *
 * <p>What is used again is a slot: a value and a bias, which is its score whatever the query. Slots
 * {@code [0, group)} are those that a batch began with, the others those that it recomputed.
 */
final class ReferenceCalibration {
  private static final int NONE = -1;

  private final int group;
  private final int headDim;
  private final AttentionScores scores;
  private final Paper options;
  private final StoredRows store; // or null
  private final EvictedLooks looks;

  private final float[] references; // [group][headDim] queries
  private final SoftmaxPartials evicted; // [group] what evicted tokens gave to them
  private long tokens; // that have been evicted

  private int slots; // in use
  private float[] slotValues; // [slots][headDim]
  private float[] slotBias; // [slots]
  private int[] slotOf = {}; // [tokens][group] slot that a query uses, or NONE
  private int[] recomputed = {}; // [slots - group] token * group + head

  /* What is needed to take the last tokens of a batch back. */
  private int compared; // tokens of the last batch
  private boolean drafted; // whether it may be taken back
  private float[] slotQueries = {}; // [slots][headDim]
  private SoftmaxPartials slotPartials; // [slots], when first needed
  private float[] similarity = {}; // [tokens][group]

  /**
   * @param store of the head's evicted rows, or null
   * @param looks counts what queries do
   */
  ReferenceCalibration(CacheShape shape, Paper options, StoredRows store, EvictedLooks looks) {
    group = shape.group();
    headDim = shape.headDim();
    scores = shape.scores();
    this.options = options;
    this.store = store;
    this.looks = looks;
    references = new float[group * headDim];
    evicted = new SoftmaxPartials(group, ValueRows.valueDim(headDim));
    evicted.clear(group);
    slotValues = new float[group * headDim];
    slotBias = new float[group];
  }

  /**
   * Decides what each query of a batch does, in order, and recomputes where one wants it.
   *
   * @param q [tokens][stride] rotated queries, the group's at {@code offset}
   * @param position of the first token
   * @param shift by which positions are less than those in the sequence
   * @param drafted whether the last of them may be taken back
   */
  void compare(
      float[] q,
      int offset,
      int stride,
      int tokens,
      int position,
      int shift,
      boolean drafted,
      Recall recall) {
    if (slotOf.length < tokens * group) {
      slotOf = new int[tokens * group];
      recomputed = new int[tokens * group];
      similarity = new float[tokens * group];
    }
    compared = tokens;
    this.drafted = drafted;
    Arrays.fill(slotOf, 0, tokens * group, NONE);
    slots = group;
    if (this.tokens == 0) {
      return;
    }
    for (int head = 0; head < group; head++) {
      decide(head, q, offset + head * headDim, stride, tokens);
    }
    if (slotBias.length < slots) {
      slotBias = new float[slots];
      slotValues = new float[slots * headDim];
    }
    if (drafted && slotQueries.length < slots * headDim) {
      slotQueries = new float[slots * headDim];
      slotPartials = new SoftmaxPartials(slots, ValueRows.valueDim(headDim));
    }
    for (int head = 0; head < group; head++) {
      fillSlot(head, evicted, head);
      note(head, references, head * headDim, evicted, head);
    }
    for (int slot = group; slot < slots; slot++) {
      int token = recomputed[slot - group] / group;
      int head = recomputed[slot - group] % group;
      int o = offset + token * stride + head * headDim;
      recall.attendAll(store, q, o, position + token, shift);
      fillSlot(slot, recall.result, 0);
      setReference(head, q, o, recall.result, 0); // the last of a head stays
      note(slot, q, o, recall.result, 0);
    }
  }

  /** Keeps a reference of a batch that may be taken back. */
  private void note(int slot, float[] query, int o, SoftmaxPartials partials, int i) {
    if (drafted) {
      System.arraycopy(query, o, slotQueries, slot * headDim, headDim);
      slotPartials.copy(slot, partials, i);
    }
  }

  private void setReference(int head, float[] query, int o, SoftmaxPartials partials, int i) {
    System.arraycopy(query, o, references, head * headDim, headDim);
    evicted.copy(head, partials, i);
  }

  /** Takes the last {@code count} tokens of a batch back that was compared as a draft. */
  void takeBack(int count) {
    if (tokens == 0) {
      return;
    }
    int kept = (compared - count) * group; // queries
    for (int slot = 0; slot < slots; slot++) {
      int query = slot < group ? slot - group : recomputed[slot - group];
      if (query < kept) { // those of a head come one after the other
        setReference(Math.floorMod(query, group), slotQueries, slot * headDim, slotPartials, slot);
      } else {
        looks.recomputed -= store.rows();
        looks.skipped -= tokens - store.rows();
        looks.calibrated += tokens; // as the others that have a slot, below
      }
    }
    for (int query = kept; query < compared * group; query++) {
      looks.count--;
      looks.similarities -= similarity[query];
      if (slotOf[query] == NONE) {
        looks.skipped -= tokens;
      } else {
        looks.calibrated -= tokens;
      }
    }
  }

  private void decide(int head, float[] q, int offset, int stride, int tokens) {
    float[] from = references;
    int reference = head * headDim;
    int slot = head;
    for (int token = 0; token < tokens; token++) {
      int o = offset + token * stride;
      float similarity = cosine(q, o, from, reference, headDim);
      looks.count++;
      looks.similarities += similarity;
      this.similarity[token * group + head] = similarity;
      if (similarity >= options.calibrateThreshold()) {
        looks.calibrated += this.tokens;
        slotOf[token * group + head] = slot;
      } else if (store != null && similarity < options.recomputeThreshold()) {
        looks.recomputed += store.rows();
        looks.skipped += this.tokens - store.rows();
        recomputed[slots - group] = token * group + head;
        slot = slots++;
        slotOf[token * group + head] = slot;
        from = q;
        reference = o;
      } else {
        looks.skipped += this.tokens;
      }
    }
  }

  private static float cosine(float[] a, int i, float[] b, int j, int n) {
    float norms =
        (float) Math.sqrt((double) VectorMath.dot(a, i, a, i, n) * VectorMath.dot(b, j, b, j, n));
    return norms == 0 ? 0 : VectorMath.dot(a, i, b, j, n) / norms;
  }

  /** A slot that gives a reference exactly what the evicted tokens gave to it. */
  private void fillSlot(int slot, SoftmaxPartials partials, int i) {
    float inverse = partials.sum[i] == 0 ? 0 : 1 / partials.sum[i];
    int acc = i * ValueRows.valueDim(headDim);
    for (int d = 0; d < headDim; d++) {
      slotValues[slot * headDim + d] = partials.acc[acc + d] * inverse;
    }
    slotBias[slot] = partials.logSumExp(i);
  }

  /** Merges what the evicted tokens are taken to give to a query of the compared batch. */
  void merge(int token, int head, SoftmaxPartials out, int query) {
    int slot = slotOf[token * group + head];
    if (slot != NONE && slotBias[slot] > Float.NEGATIVE_INFINITY) {
      out.mergeSlot(query, slotBias[slot], slotValues, slot * headDim, headDim);
    }
  }

  /**
   * Adds newly evicted rows to what the references saw.
   *
   * @param ring holds the last query, the first reference where there is none yet
   * @param last index of the last token
   */
  void evict(EvictedRows rows, QueryRing ring, long last) {
    for (int head = 0; head < group && tokens == 0; head++) {
      ring.get(last, head, references, head * headDim);
    }
    tokens += rows.count();
    for (int row = 0; row < rows.count(); row++) {
      for (int head = 0; head < group; head++) {
        float score = scores.score(references, head * headDim, rows.keys(), row * headDim, headDim);
        evicted.mergeSlot(head, score, rows.values(), row * headDim, headDim);
      }
    }
  }

  /** Moves the references back by {@code delta} positions. */
  void shift(PositionRotation rotation, int delta) {
    for (int head = 0; head < group; head++) {
      rotation.rotate(references, head * headDim, -delta);
    }
  }

  void transfer(StateTransfer state) {
    tokens = state.number(tokens);
    state.floats(references, references.length);
    evicted.transfer(state, group);
  }

  void clear() {
    tokens = 0;
    evicted.clear(group);
  }

  long bytes() {
    long floats = references.length + (long) group * (ValueRows.valueDim(headDim) + 2);
    long slotFloats = slotBias.length * (headDim + 1L);
    return (floats + slotFloats + slotOf.length + recomputed.length) * Float.BYTES;
  }
}
