package io.calidrop.attention;

import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.attention.EvictionPolicy.Observation;
import io.calidrop.tensor.WorkerPool;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Keeps within a budget: prunes its heads and rebases positions between batches, and in them
 * observes what policies and calibration will ask for.
 */
final class BoundedCache extends KvCache {
  private final CacheBudget budget;
  private final EvictionPolicy policy;
  private final PruneSchedule schedule;
  private final int kvHeads;
  private final int group;
  private final int headDim;
  private final HeadState[] heads; // [layers that see everything][kvHeads]
  private final CachePruner pruner;
  private final PositionRebase rebase;
  private final boolean hasReferences;
  private final PageMemory memory; // of stored rows, or null

  private final int contextLength;
  private final boolean repeats;
  private final CacheShape shape;
  private final KvTypes types;
  private final boolean needsReading; // its queries

  private final StateBuffer copy = new StateBuffer(); // of all but the stores
  private long copied = -1; // tokens that it has seen, or none

  private long lightEnd; // tokens before it read stored rows lightly
  private boolean readingDue; // the prompt is to be read again before anything is evicted
  private boolean reading;
  private long promptSeen; // tokens before the reading
  private int promptShift;
  private int firstObserved = Integer.MAX_VALUE;
  private int pinned;
  private long prunes;
  private long pruneNanos;

  BoundedCache(
      CacheShape shape,
      int contextLength,
      CacheOptions options,
      CacheScratch scratch,
      LayerRotations rotations) {
    super(shape, rotations, () -> options.kvTypes().newHead(shape.headDim()));
    budget = options.budget().orElseThrow();
    policy = options.policy();
    kvHeads = shape.kvHeads();
    group = shape.group();
    headDim = shape.headDim();
    this.contextLength = contextLength;
    repeats = policy.observation() == Observation.REPEAT;
    this.shape = shape;
    types = options.kvTypes();
    needsReading = !repeats || options.calibration() instanceof Fold; // or it is recorded
    int most = policy.isOverLayers() ? budget.rows() : policy.mostRows(budget.rows(), kvHeads);
    schedule = new PruneSchedule(budget, most, contextLength);
    hasReferences = options.calibration() instanceof Paper;
    memory = options.store().map(store -> PageMemory.of(store.place())).orElse(null);
    int[] layers = shape.fullLayers();
    heads = new HeadState[layers.length * kvHeads];
    PositionRotation[] rotation = new PositionRotation[heads.length];
    Arrays.setAll(rotation, i -> rotations.ofLayer(layers[i / kvHeads]));
    for (int i = 0; i < heads.length; i++) {
      PositionRotation own = rotation[i];
      StoredRows stored =
          options
              .store()
              .map(store -> new StoredRows(shape, store, memory, own, contextLength))
              .orElse(null);
      heads[i] = HeadState.of(i / kvHeads, i % kvHeads, shape, options, stored);
    }
    pruner = new CachePruner(heads, shape, options, schedule.mostRows(), scratch, rotation);
    rebase = new PositionRebase(heads, rotation);
  }

  /** What is kept of a head, keys and values and more. */
  HeadState state(int layer, int kvHead) {
    return state(full(layer) * kvHeads + kvHead);
  }

  /**
   * @param index [layers that see everything][kvHeads]
   */
  HeadState state(int index) {
    return heads[index];
  }

  @Override
  public int room() {
    if (reading) {
      return Integer.MAX_VALUE;
    }
    return readingDue ? 0 : schedule.room(seen(), position());
  }

  @Override
  public boolean isToBeReadAgain() {
    return repeats && schedule.isInPrompt(seen());
  }

  @Override
  public boolean isReadingDue() {
    return readingDue;
  }

  /** Positions stay within the context, nearer to the prompt's where there are too few left. */
  @Override
  public void beginReading(int tokens) {
    reading = true;
    promptSeen = seen();
    promptShift = shift();
    markWindows();
    for (int i = 0; i < heads.length && needsReading && heads[i].reading == null; i++) {
      heads[i].reading = ReadQueries.of(promptSeen, shape, types);
    }
    shiftBack(Math.max(0, position() + tokens - contextLength));
  }

  @Override
  public void endReading(WorkerPool pool, boolean last) {
    for (HeadState head : heads) {
      int read = (int) (seen() - promptSeen);
      head.rows.truncate(head.rows.rows() - read);
      if (head.reading != null) {
        head.reading = head.reading.plus(read);
      }
    }
    goBack(promptSeen, promptShift);
    reading = false;
    if (last) {
      readingDue = false;
      prune(pool);
    }
  }

  @Override
  public boolean isEndless() {
    return schedule.isEndless();
  }

  @Override
  public void pin(int tokens) {
    if (tokens > budget.rows() / 2) {
      throw new IllegalArgumentException(
          "%d pinned tokens take more than half of the budget of %d rows: raise --budget to at least %d"
              .formatted(tokens, budget.rows(), 2 * tokens));
    }
    if (Math.max(tokens, budget.sinks()) + budget.window() > budget.rows()) {
      throw new IllegalArgumentException(
          "%d pinned tokens and a window of %d exceed the budget of %d rows: raise --budget, or lower --window"
              .formatted(tokens, budget.window(), budget.rows()));
    }
    pinned = tokens;
  }

  @Override
  public void expectPrompt(int tokens) {
    schedule.expectPrompt(seen(), seen() + tokens);
  }

  @Override
  public void readLightly(int tokens) {
    lightEnd = seen() + tokens;
  }

  @Override
  public void begin(WorkerPool pool) {
    int delta = reading ? 0 : schedule.rebase(position());
    if (delta > 0) {
      rebase.run(pool, delta, budget.sinks());
      moveBack(pool, delta);
    }
    firstObserved = reading ? 0 : schedule.firstObserved(policy.observation(), seen());
    for (int i = 0; i < heads.length && drafted() > 0; i++) {
      heads[i].beginDraft(drafted());
    }
  }

  @Override
  void extendFull(int index, int count) {
    dropRests(index - 1);
    for (int h = 0; h < kvHeads; h++) {
      state(index * kvHeads + h).extend(count);
    }
  }

  /** Frees what only the batch needed of a layer's newest rows, once it has been attended. */
  private void dropRests(int index) {
    for (int h = 0; h < kvHeads && index >= 0 && !reading; h++) {
      state(index * kvHeads + h).rows.dropRests(drafted());
    }
  }

  @Override
  void storeFull(int index, int count, int token, float[] keys, float[] values, int offset) {
    for (int h = 0; h < kvHeads; h++) {
      HeadState head = state(index * kvHeads + h);
      int row = head.rows.rows() - count + token;
      int o = offset + h * headDim;
      head.rows.set(row, keys, o, values, o);
      head.place(row, position() + token);
    }
  }

  @Override
  public int draftRoom() {
    return room() - 1; // what a prune has seen stays
  }

  /** What a budget bounds is copied; stores note what changes from now on. */
  @Override
  void markFull() {
    copied = -1; // until it is whole
    transfer(StateStreams.to(copy.write()), false);
    for (HeadState head : heads) {
      if (head.stored != null) {
        head.stored.mark();
      }
    }
    copied = seen();
  }

  @Override
  boolean isCopied(long tokens) {
    return tokens == copied;
  }

  @Override
  void returnToCopy() {
    long tokens = copied;
    transfer(StateStreams.from(copy.read()), false);
    for (HeadState head : heads) {
      if (head.stored != null) {
        head.stored.goBack();
      }
    }
    copied = tokens;
  }

  @Override
  boolean isFullRewindable() {
    return false;
  }

  @Override
  boolean canDrop(long tokens) {
    return tokens == 0;
  }

  @Override
  List<CacheStatistics> fullLayerStatistics() {
    List<CacheStatistics> layers = new ArrayList<>();
    for (int from = 0; from < heads.length; from += kvHeads) {
      layers.add(statistics(from, from + kvHeads));
    }
    return layers;
  }

  @Override
  CacheStatistics fullStatistics() {
    return statistics(0, heads.length);
  }

  /** Of heads {@code [from, to)}. */
  private CacheStatistics statistics(int from, int to) {
    StatisticsSum sum = new StatisticsSum();
    for (int i = from; i < to; i++) {
      sum.add(heads[i]);
    }
    return sum.of(seen(), prunes, pruneNanos, memory == null ? "" : memory.trouble());
  }

  @Override
  public void close() {
    if (memory != null) {
      memory.close();
    }
  }

  @Override
  KvHead fullHead(int index, int kvHead) {
    return state(index * kvHeads + kvHead).rows;
  }

  @Override
  CalibrationRows calibration(int layer, int kvHead) {
    CalibrationRows rows = state(layer, kvHead).calibration;
    return rows == null ? CalibrationRows.NONE : rows;
  }

  @Override
  StoredRows stored(int layer, int kvHead) {
    return hasReferences ? null : state(layer, kvHead).stored;
  }

  @Override
  int light() {
    return light(seen());
  }

  /** How many tokens read lightly of those that come after {@code seen}. */
  private int light(long seen) {
    return Math.clamp(lightEnd - seen, 0, Integer.MAX_VALUE);
  }

  @Override
  boolean hasReferences() {
    return hasReferences;
  }

  @Override
  void compare(
      int layer, int kvHead, float[] q, int offset, int stride, int tokens, Recall recall) {
    if (hasReferences && !reading) {
      state(layer, kvHead)
          .references
          .compare(q, offset, stride, tokens, position(), shift(), drafted() > 0, recall);
    }
  }

  @Override
  int firstObserved() {
    return firstObserved;
  }

  @Override
  void complete(
      int layer,
      int kvHead,
      int first,
      int count,
      int tokens,
      float[] q,
      int offset,
      int stride,
      SoftmaxPartials result) {
    HeadState state = state(layer, kvHead);
    for (int query = 0; query < count * group; query++) {
      int token = first + query / group;
      int head = query % group;
      int o = offset + query / group * stride + head * headDim;
      if (reading) {
        if (state.reading != null) {
          state.reading.put(token, tokens, position() + token, head, q, o, result.logSumExp(query));
        }
        continue;
      }
      if (state.references != null) {
        state.references.merge(token, head, result, query);
      }
      long index = seen() + token;
      if (state.queries != null && state.queries.keeps(index, tokens - token - 1)) {
        state.queries.put(index, position() + token, head, q, o, result.logSumExp(query));
      }
    }
  }

  @Override
  void observe(
      int layer,
      int kvHead,
      int first,
      int tokens,
      int rows,
      ShareLog log,
      SoftmaxPartials result,
      int from,
      int to) {
    HeadState state = state(layer, kvHead);
    int firstDrafted = tokens - drafted();
    int sure = Math.clamp((long) (firstDrafted - first) * group, from, to);
    boolean largest = repeats || reading;
    if (from < sure && largest) {
      state.raiseShares(log.largest(rows, state.rows.values, result, from, sure), rows);
    } else if (from < sure) {
      state.addShares(log.sum(rows, state.rows.values, result, from, sure), rows);
    }
    for (int query = sure; query < to; query += group) {
      int token = first + query / group - firstDrafted;
      ValueRows values = state.rows.values;
      int[] shares =
          largest
              ? log.largest(rows, values, result, query, query + group)
              : log.sum(rows, values, result, query, query + group);
      state.addDraftedShares(token, shares, rows);
    }
  }

  @Override
  public boolean attendsPromptsWhole() {
    return schedule.isOnce();
  }

  @Override
  void attended(WorkerPool pool, int count) {
    if (reading) {
      return;
    }
    dropRests(heads.length / kvHeads - 1);
    int light = Math.min(count, light(seen() - count));
    for (int i = 0; i < heads.length && !hasReferences; i++) {
      heads[i].looked(count, light);
    }
    if (schedule.prunes(seen() - count, seen())) {
      readingDue = repeats && schedule.isPromptEnd(seen());
      if (!readingDue) {
        prune(pool);
      }
    }
  }

  private void prune(WorkerPool pool) {
    long start = System.nanoTime();
    pruner.run(pool, seen(), Math.max(pinned, budget.sinks()), schedule.slack(seen()), shift());
    if (policy.observation() != Observation.ALL && !repeats) {
      for (HeadState head : heads) {
        head.forgetShares();
      }
    }
    for (HeadState head : heads) {
      head.reading = null;
    }
    prunes++;
    pruneNanos += System.nanoTime() - start;
  }

  @Override
  void drop(int tokens) {
    if (tokens > 0) {
      for (HeadState head : heads) {
        head.settle(drafted(), (int) (seen() - tokens), repeats);
      }
      return;
    }
    for (HeadState head : heads) {
      head.clear();
    }
    pinned = 0;
    lightEnd = 0;
    copied = -1;
    readingDue = false;
    schedule.clear();
  }

  @Override
  void copy(WorkerPool pool, AttendedPrompt prompt) {
    for (int i = 0; i < heads.length; i++) {
      int[] shares = prompt.shares(policy.observation(), budget.window(), i);
      heads[i].adopt(prompt.head(i), prompt.tokens(), shares);
      heads[i].reading = repeats ? prompt.head(i).reading : null;
    }
    schedule.expectPrompt(0, prompt.tokens());
    prune(pool); // it has been read again, if that was asked for
  }

  @Override
  void transferRows(StateTransfer state, boolean stores) {
    if (state.reading()) {
      copied = -1;
      lightEnd = 0; // what goes on is announced
    }
    pinned = (int) state.number(pinned);
    schedule.transfer(state);
    prunes = state.number(prunes);
    pruneNanos = state.number(pruneNanos);
    for (HeadState head : heads) {
      head.transfer(state, stores);
    }
  }
}
