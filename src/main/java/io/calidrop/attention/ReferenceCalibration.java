package io.calidrop.attention;

import io.calidrop.attention.CalibrationOptions.References;
import io.calidrop.tensor.VectorMath;
import java.util.Arrays;

/**
 * CaliDrop as the paper has it (arXiv 2507.19906): for each query head a reference, a historical
 * query with what the evicted tokens gave to it. A query close to the reference uses that again
 * (CALIBRATE); one far from it attends the evicted tokens and becomes the reference (RECOMPUTE); in
 * between, or without a store, nothing is added (SKIP).
 *
 * <p>Beyond the paper, and only with {@code firstOrder}: the mass of the evicted tokens follows the
 * query to first order, by way of their mean key under the reference's attention.
 *
 * <p>Each reference is a slot with a key (zero in the paper's form), a value and a bias, which are
 * exact at the reference's own query. Slots {@code [0, group)} are those that a batch began with,
 * the others those that it recomputed.
 */
final class ReferenceCalibration {
  private static final int NONE = -1;

  private final int group;
  private final int headDim;
  private final AttentionScores scores;
  private final References options;
  private final EvictedStore store; // or null
  private final int valueLength; // of evicted rows: value, and key for the first order

  private final float[] references; // [group][headDim] queries
  private final SoftmaxPartials evicted; // [group] what evicted tokens gave to them
  private boolean present; // whether anything has been evicted

  private int slots; // in use
  private float[] slotKeys; // [slots][headDim]
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

  private long calibrations;
  private long recomputations;
  private long skips;
  private double similarities;

  ReferenceCalibration(CacheShape shape, References options, EvictedStore store) {
    group = shape.group();
    headDim = shape.headDim();
    scores = shape.scores();
    this.options = options;
    this.store = store;
    valueLength = valueLength(headDim, options);
    references = new float[group * headDim];
    evicted = new SoftmaxPartials(group, ValueRows.valueDim(valueLength));
    evicted.clear(group);
    slotKeys = new float[group * headDim];
    slotValues = new float[group * headDim];
    slotBias = new float[group];
  }

  /** Dimensions of an evicted row's value: the first order wants its key there too. */
  static int valueLength(int headDim, References options) {
    return options.firstOrder() ? 2 * headDim : headDim;
  }

  /**
   * Decides what each query of a batch does, in order, and recomputes where one wants it.
   *
   * @param q [tokens][stride] rotated queries, the group's at {@code offset}
   * @param drafted whether the last of them may be taken back
   */
  void compare(
      float[] q, int offset, int stride, int tokens, boolean drafted, ReferenceScratch scratch) {
    if (slotOf.length < tokens * group) {
      slotOf = new int[tokens * group];
      recomputed = new int[tokens * group];
      similarity = new float[tokens * group];
    }
    compared = tokens;
    this.drafted = drafted;
    Arrays.fill(slotOf, 0, tokens * group, NONE);
    slots = group;
    if (!present) {
      return;
    }
    for (int head = 0; head < group; head++) {
      int reference = head * headDim;
      float[] from = references;
      int slot = head;
      for (int token = 0; token < tokens; token++) {
        int o = offset + token * stride + head * headDim;
        float similarity = cosine(q, o, from, reference, headDim);
        similarities += similarity;
        this.similarity[token * group + head] = similarity;
        if (similarity >= options.calibrateThreshold()) {
          calibrations++;
          slotOf[token * group + head] = slot;
        } else if (store != null && similarity < options.recomputeThreshold()) {
          recomputations++;
          recomputed[slots - group] = token * group + head;
          slot = slots++;
          slotOf[token * group + head] = slot;
          from = q;
          reference = o;
        } else {
          skips++;
        }
      }
    }
    growSlots();
    for (int head = 0; head < group; head++) {
      fillSlot(head, references, head * headDim, evicted, head);
      note(head, references, head * headDim, evicted, head);
    }
    for (int first = group; first < slots; first += ReferenceScratch.MAX_QUERIES) {
      recompute(
          first, Math.min(slots, first + ReferenceScratch.MAX_QUERIES), q, offset, stride, scratch);
    }
  }

  private static float cosine(float[] a, int i, float[] b, int j, int n) {
    float norms =
        (float) Math.sqrt((double) VectorMath.dot(a, i, a, i, n) * VectorMath.dot(b, j, b, j, n));
    return norms == 0 ? 0 : VectorMath.dot(a, i, b, j, n) / norms;
  }

  private void growSlots() {
    if (slotBias.length < slots) {
      slotBias = new float[slots];
      slotKeys = new float[slots * headDim];
      slotValues = new float[slots * headDim];
    }
    if (drafted && slotQueries.length < slots * headDim) {
      slotQueries = new float[slots * headDim];
      slotPartials = new SoftmaxPartials(slots, ValueRows.valueDim(valueLength));
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
    if (!present) {
      return;
    }
    int kept = (compared - count) * group; // queries
    for (int slot = 0; slot < slots; slot++) {
      int query = slot < group ? slot - group : recomputed[slot - group];
      if (query < kept) { // those of a head come one after the other
        setReference(Math.floorMod(query, group), slotQueries, slot * headDim, slotPartials, slot);
      } else {
        recomputations--;
        calibrations++; // as the others that have a slot, below
      }
    }
    for (int query = kept; query < compared * group; query++) {
      similarities -= similarity[query];
      if (slotOf[query] == NONE) {
        skips--;
      } else {
        calibrations--;
      }
    }
  }

  /** Attends the evicted rows for slots {@code [from, to)}; the last of a head is its reference. */
  private void recompute(
      int from, int to, float[] q, int offset, int stride, ReferenceScratch scratch) {
    int count = to - from;
    for (int i = 0; i < count; i++) {
      int query = recomputed[from - group + i];
      int o = offset + query / group * stride + query % group * headDim;
      System.arraycopy(q, o, scratch.queries, i * headDim, headDim);
    }
    AttentionKernel.load(
        scratch.window, scratch.queries, 0, count * headDim, 1, count, scratch.attention);
    scratch.result.clear(count);
    store.attend(count, scratch, scratch.result);
    scratch.window.restore(scratch.result, count);
    for (int i = 0; i < count; i++) {
      fillSlot(from + i, scratch.queries, i * headDim, scratch.result, i);
      int head = recomputed[from - group + i] % group;
      setReference(head, scratch.queries, i * headDim, scratch.result, i);
      note(from + i, scratch.queries, i * headDim, scratch.result, i);
    }
  }

  /** A slot that gives a reference exactly what the evicted tokens gave to it. */
  private void fillSlot(int slot, float[] query, int o, SoftmaxPartials partials, int i) {
    float inverse = partials.sum[i] == 0 ? 0 : 1 / partials.sum[i];
    int acc = i * ValueRows.valueDim(valueLength);
    for (int d = 0; d < headDim; d++) {
      slotValues[slot * headDim + d] = partials.acc[acc + d] * inverse;
      slotKeys[slot * headDim + d] =
          options.firstOrder() ? partials.acc[acc + headDim + d] * inverse : 0;
    }
    slotBias[slot] =
        partials.logSumExp(i) - scores.score(query, o, slotKeys, slot * headDim, headDim);
  }

  /** Merges what the evicted tokens are taken to give to a query of the compared batch. */
  void merge(int token, int head, float[] q, int o, SoftmaxPartials out, int query) {
    int slot = slotOf[token * group + head];
    if (slot != NONE && slotBias[slot] > Float.NEGATIVE_INFINITY) {
      float score = slotBias[slot] + scores.score(q, o, slotKeys, slot * headDim, headDim);
      out.mergeSlot(query, score, slotValues, slot * headDim, headDim);
    }
  }

  /**
   * Adds newly evicted rows to what the references saw, and to the store.
   *
   * @param ring holds the last query, the first reference where there is none yet
   * @param last index of the last token
   */
  void evict(EvictedRows rows, QueryRing ring, long last) {
    for (int head = 0; head < group && !present; head++) {
      ring.get(last, head, references, head * headDim);
    }
    present = true;
    float[] slot = rows.slot(valueLength);
    for (int row = 0; row < rows.count(); row++) {
      System.arraycopy(rows.values(), row * headDim, slot, 0, headDim);
      if (options.firstOrder()) {
        System.arraycopy(rows.keys(), row * headDim, slot, headDim, headDim);
      }
      for (int head = 0; head < group; head++) {
        float score = scores.score(references, head * headDim, rows.keys(), row * headDim, headDim);
        evicted.mergeSlot(head, score, slot, 0, valueLength);
      }
      if (store != null) {
        store.append(rows.keys(), row * headDim, slot, 0, rows.position(row));
      }
    }
  }

  /** Moves everything back by {@code delta} positions. */
  void shift(PositionRotation rotation, int delta, int least, ReferenceScratch scratch) {
    for (int head = 0; head < group; head++) {
      rotation.rotate(references, head * headDim, -delta);
      if (options.firstOrder()) {
        rotation.rotate(evicted.acc, head * ValueRows.valueDim(valueLength) + headDim, -delta);
      }
    }
    if (store != null) {
      store.shift(rotation, delta, least, options.firstOrder(), scratch.window);
    }
  }

  void transfer(StateTransfer state) {
    present = state.number(present ? 1 : 0) != 0;
    calibrations = state.number(calibrations);
    recomputations = state.number(recomputations);
    skips = state.number(skips);
    similarities = Double.longBitsToDouble(state.number(Double.doubleToLongBits(similarities)));
    state.floats(references, references.length);
    evicted.transfer(state, group);
    if (store != null) {
      store.transfer(state);
    }
  }

  void clear() {
    present = false;
    evicted.clear(group);
    if (store != null) {
      store.clear();
    }
  }

  long calibrations() {
    return calibrations;
  }

  long recomputations() {
    return recomputations;
  }

  long skips() {
    return skips;
  }

  /** Sum of the cosines of all queries that were compared. */
  double similarities() {
    return similarities;
  }

  long bytes() {
    long floats = references.length + (long) group * (ValueRows.valueDim(valueLength) + 2);
    long slotFloats = slotBias.length * (2L * headDim + 1);
    long queries = slotOf.length + recomputed.length + similarity.length;
    return (floats + slotFloats + queries) * Float.BYTES;
  }

  long storedBytes() {
    return store == null ? 0 : store.bytes();
  }
}
