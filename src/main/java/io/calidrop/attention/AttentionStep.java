package io.calidrop.attention;

import io.calidrop.tensor.WorkerPool;
import java.util.Arrays;

/**
 * Attention of a batch over one layer's caches, shared out among threads: by sequence, KV head and
 * tile of tokens in a batch, by KV head and a few segments of rows for a single token. For one pass
 * at a time: the threads of the pool are its own.
 */
@SuppressWarnings("exports") // of tensor: for this module's other packages
public final class AttentionStep {
  /** Queries of one KV head that are attended together; their keys and values are read once. */
  private static final int TILE_QUERIES = 48;

  /** Parts of a decoding step for each thread, where there are so many segments. */
  private static final int PARTS = 16;

  private final int kvHeads;
  private final int group;
  private final int headDim;
  private final LayerWindows windows;
  private final int tileTokens;
  private final AttentionScratch[] scratch;
  private final SoftmaxPartials[] tiles; // one a thread, the tile's running result
  private final ShareLog[] logs; // one a thread for tiles, one a KV head for a single token
  private SoftmaxPartials[] segments = {}; // [kvHeads * segments], for a single token
  private final Recall[] recall; // one a thread
  private final SoftmaxPartials[] recalled; // [kvHeads], for a single token
  private final WorkerPool.Task batchTask = this::attendTile;
  private final WorkerPool.Task tokenTask = this::attendSegments;
  private final WorkerPool.Task referenceTask = this::compareReferences;

  private TokenBatch batch;
  private int layer;
  private int window; // tokens that the layer sees
  private int segmentCount;
  private int segmentsOfPart;
  private int recalls; // parts that attend stored rows
  private int[] ends = {}; // [sequences] parts up to the end of each
  private float[] q;
  private float[] out;
  private int stride;

  /**
   * @param shape of the layers' attention
   * @param threads of the pool that attends
   */
  public AttentionStep(CacheShape shape, int threads) {
    kvHeads = shape.kvHeads();
    headDim = shape.headDim();
    group = shape.group();
    windows = shape.windows();
    tileTokens = Math.max(1, TILE_QUERIES / group);
    scratch = new AttentionScratch[threads];
    tiles = new SoftmaxPartials[threads];
    for (int i = 0; i < threads; i++) {
      scratch[i] = new AttentionScratch(shape, headDim, tileTokens * group);
      tiles[i] = partials(tileTokens * group);
    }
    recall = new Recall[threads];
    Arrays.setAll(recall, i -> new Recall(shape, tileTokens));
    recalled = new SoftmaxPartials[kvHeads];
    Arrays.setAll(recalled, i -> partials(group));
    logs = new ShareLog[Math.max(threads, kvHeads)];
    Arrays.setAll(logs, i -> new ShareLog());
  }

  private SoftmaxPartials partials(int queries) {
    return new SoftmaxPartials(queries, ValueRows.valueDim(headDim));
  }

  /**
   * Attends a batch whose keys and values are in the caches, each token seeing itself and what came
   * before in its sequence.
   *
   * @param q [tokens][stride], the rotated queries of all heads
   * @param out [tokens][stride], the attention outputs of all heads
   */
  public void run(
      WorkerPool pool, TokenBatch batch, int layer, float[] q, float[] out, int stride) {
    this.batch = batch;
    this.layer = layer;
    window = windows.of(layer);
    this.q = q;
    this.out = out;
    this.stride = stride;
    if (seesEverything() && hasReferences()) {
      pool.run(referenceTask, batch.sequences() * kvHeads);
    }
    if (batch.tokens() > 1) {
      pool.run(batchTask, parts());
      return;
    }
    KvCache cache = batch.cache(0);
    segmentCount = 0;
    for (int h = 0; h < kvHeads; h++) {
      segmentCount = Math.max(segmentCount, segments(cache, h));
    }
    growSegments(kvHeads * segmentCount);
    for (int h = 0; h < kvHeads && firstObserved(cache) == 0; h++) {
      logs[h].start(cache.rows(layer, h), group);
    }
    for (AttentionScratch worker : scratch) {
      worker.loaded = -1;
    }
    recalls = 0;
    for (int h = 0; h < kvHeads; h++) {
      if (stored(cache, h) != null) {
        recalls = kvHeads;
      }
    }
    segmentsOfPart = Math.max(1, kvHeads * segmentCount / (PARTS * pool.threads()));
    pool.run(tokenTask, recalls + kvHeads * Math.ceilDiv(segmentCount, segmentsOfPart));
    for (int h = 0; h < kvHeads; h++) {
      mergeSegments(cache, h);
    }
  }

  /** The rows of a head that are to be read again, or null where there are none. */
  private StoredRows stored(KvCache cache, int kvHead) {
    StoredRows stored = seesEverything() ? cache.stored(layer, kvHead) : null;
    return stored == null || stored.rows() == 0 ? null : stored;
  }

  /** Attends stored rows; of a tile of a sequence's tokens. */
  private SoftmaxPartials recall(int sequence, int first, int count, int kvHead, int worker) {
    KvCache cache = batch.cache(sequence);
    int offset = (batch.start(sequence) + first) * stride + kvHead * group * headDim;
    int light = Math.clamp(cache.light() - first, 0, count);
    int position = cache.position() + first;
    recall[worker].attend(
        stored(cache, kvHead), q, offset, stride, count, light, position, cache.shift());
    return recall[worker].result;
  }

  private boolean hasReferences() {
    for (int s = 0; s < batch.sequences(); s++) {
      if (batch.cache(s).hasReferences()) {
        return true;
      }
    }
    return false;
  }

  /** Counts the tiles of all sequences. */
  private int parts() {
    if (ends.length < batch.sequences()) {
      ends = new int[2 * batch.sequences()];
    }
    int parts = 0;
    for (int s = 0; s < batch.sequences(); s++) {
      parts += kvHeads * Math.ceilDiv(batch.count(s), tileTokens);
      ends[s] = parts;
    }
    return parts;
  }

  /** Segments of a head's rows and of its calibration rows. */
  private int segments(KvCache cache, int kvHead) {
    return KvCache.segments(cache.rows(layer, kvHead))
        + KvCache.segments(calibration(cache, kvHead).count());
  }

  private boolean seesEverything() {
    return window == LayerWindows.EVERYTHING;
  }

  /** What stands in for a head's evicted tokens; none are evicted from a window. */
  private CalibrationRows calibration(KvCache cache, int kvHead) {
    return seesEverything() ? cache.calibration(layer, kvHead) : CalibrationRows.NONE;
  }

  /** Index in the batch of the first token whose attention a policy wants to know. */
  private int firstObserved(KvCache cache) {
    return seesEverything() ? cache.firstObserved() : Integer.MAX_VALUE;
  }

  private void growSegments(int count) {
    if (segments.length < count) {
      int old = segments.length;
      segments = Arrays.copyOf(segments, Math.max(count, 2 * old));
      for (int i = old; i < segments.length; i++) {
        segments[i] = partials(group);
      }
    }
  }

  private void compareReferences(int part, int worker) {
    int sequence = part / kvHeads;
    int kvHead = part % kvHeads;
    int offset = batch.start(sequence) * stride + kvHead * group * headDim;
    batch
        .cache(sequence)
        .compare(layer, kvHead, q, offset, stride, batch.count(sequence), recall[worker]);
  }

  private void attendTile(int part, int worker) {
    int sequence = 0;
    while (part >= ends[sequence]) {
      sequence++;
    }
    KvCache cache = batch.cache(sequence);
    int tokens = batch.count(sequence);
    // The last tokens see most rows: they come first, so that no thread is left with them at the
    // end.
    int last = ends[sequence] - 1 - part;
    int kvHead = last % kvHeads;
    int first = last / kvHeads * tileTokens;
    int count = Math.min(tileTokens, tokens - first);
    int queries = count * group;
    KvHead head = cache.head(layer, kvHead);
    int offset = (batch.start(sequence) + first) * stride + kvHead * group * headDim;
    AttentionScratch scratch = this.scratch[worker];
    AttentionKernel.load(head, q, offset, stride, count, group, scratch);
    SoftmaxPartials result = tiles[worker];
    result.clear(queries);
    int visible = head.rows() - tokens + first + 1;
    int rows = visible + count - 1;
    ShareLog log = null;
    if (first + count > firstObserved(cache)) {
      log = logs[worker];
      log.start(rows, queries);
    }
    int start = Math.max(0, visible - window) / AttentionKernel.SEGMENT;
    for (int segment = start; segment < KvCache.segments(rows); segment++) {
      AttentionKernel.attend(head, segment, visible, window, count, group, scratch, log, result);
    }
    CalibrationRows calibration = calibration(cache, kvHead);
    for (int segment = 0; segment < KvCache.segments(calibration.count()); segment++) {
      AttentionKernel.attendAll(calibration, segment, queries, scratch, result);
    }
    // Calibration rows are of the cache's types: their values lie rotated in the same sums.
    head.restore(result, queries);
    if (stored(cache, kvHead) != null) {
      SoftmaxPartials read = recall(sequence, first, count, kvHead, worker);
      for (int query = 0; query < queries; query++) {
        result.merge(query, read, query);
      }
    }
    finish(sequence, kvHead, first, count, result, log);
  }

  /** Attends stored rows, or neighbouring segments: a thread reads on where it has read. */
  private void attendSegments(int part, int worker) {
    if (part < recalls) {
      recalled[part].clear(group);
      if (stored(batch.cache(0), part) != null) {
        SoftmaxPartials read = recall(0, 0, 1, part, worker);
        for (int query = 0; query < group; query++) {
          recalled[part].copy(query, read, query);
        }
      }
      return;
    }
    int parts = Math.ceilDiv(segmentCount, segmentsOfPart); // of a head
    int kvHead = (part - recalls) / parts;
    int first = (part - recalls) % parts * segmentsOfPart;
    int end = Math.min(first + segmentsOfPart, segmentCount);
    for (int segment = first; segment < end; segment++) {
      attendSegment(kvHead, segment, scratch[worker]);
    }
  }

  private void attendSegment(int kvHead, int segment, AttentionScratch scratch) {
    KvCache cache = batch.cache(0);
    KvHead head = cache.head(layer, kvHead);
    SoftmaxPartials result = segments[kvHead * segmentCount + segment];
    result.clear(group);
    if (scratch.loaded != kvHead) {
      AttentionKernel.load(head, q, kvHead * group * headDim, stride, 1, group, scratch);
      scratch.loaded = kvHead;
    }
    int ofRows = KvCache.segments(head.rows());
    if (segment < ofRows) {
      ShareLog log = firstObserved(cache) == 0 ? logs[kvHead] : null;
      AttentionKernel.attend(head, segment, head.rows(), window, 1, group, scratch, log, result);
      return;
    }
    CalibrationRows calibration = calibration(cache, kvHead);
    if (segment - ofRows < KvCache.segments(calibration.count())) {
      AttentionKernel.attendAll(calibration, segment - ofRows, group, scratch, result);
    }
  }

  private void mergeSegments(KvCache cache, int kvHead) {
    SoftmaxPartials result = segments[kvHead * segmentCount];
    for (int segment = 1; segment < segmentCount; segment++) {
      for (int query = 0; query < group; query++) {
        result.merge(query, segments[kvHead * segmentCount + segment], query);
      }
    }
    cache.head(layer, kvHead).restore(result, group);
    for (int query = 0; query < group && recalls > 0; query++) {
      result.merge(query, recalled[kvHead], query);
    }
    ShareLog log = firstObserved(cache) == 0 ? logs[kvHead] : null;
    finish(0, kvHead, 0, 1, result, log);
  }

  /** Completes the attention of a tile and hands out what policies and calibration need of it. */
  private void finish(
      int sequence, int kvHead, int first, int count, SoftmaxPartials result, ShareLog log) {
    KvCache cache = batch.cache(sequence);
    int tokens = batch.count(sequence);
    int offset = (batch.start(sequence) + first) * stride + kvHead * group * headDim;
    if (seesEverything()) {
      cache.complete(layer, kvHead, first, count, tokens, q, offset, stride, result);
    }
    for (int query = 0; query < count * group; query++) {
      int o = offset + query / group * stride + query % group * headDim;
      result.finish(query, out, o, headDim);
    }
    if (log != null) {
      int from = Math.max(0, firstObserved(cache) - first) * group;
      int rows = cache.rows(layer, kvHead) - tokens + first + count;
      cache.observe(layer, kvHead, first, tokens, rows, log, result, from, count * group);
    }
  }
}
