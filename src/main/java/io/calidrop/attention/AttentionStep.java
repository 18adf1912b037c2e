package io.calidrop.attention;

import io.calidrop.tensor.WorkerPool;
import java.util.Arrays;

/**
 * Attention of a batch over one layer's cache, shared out among threads: by KV head and tile of
 * tokens in a batch, by KV head and segment of rows for a single token.
 */
public final class AttentionStep {
  /** Queries of one KV head that are attended together; their keys and values are read once. */
  private static final int TILE_QUERIES = 48;

  private final int kvHeads;
  private final int group;
  private final int headDim;
  private final int tileTokens;
  private final AttentionScratch[] scratch;
  private final SoftmaxPartials[] tiles; // one a thread, the tile's running result
  private SoftmaxPartials[] segments = {}; // [kvHeads * segments], for a single token
  private final WorkerPool.Task batchTask = this::attendTile;
  private final WorkerPool.Task tokenTask = this::attendSegment;

  private KvCache cache;
  private int layer;
  private int tokens;
  private int segmentCount;
  private float[] q;
  private float[] out;
  private int stride;

  public AttentionStep(int heads, int kvHeads, int headDim, int threads) {
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    group = heads / kvHeads;
    tileTokens = Math.max(1, TILE_QUERIES / group);
    scratch = new AttentionScratch[threads];
    tiles = new SoftmaxPartials[threads];
    for (int i = 0; i < threads; i++) {
      scratch[i] = new AttentionScratch(headDim, headDim, tileTokens * group);
      tiles[i] = partials(tileTokens * group);
    }
  }

  private SoftmaxPartials partials(int queries) {
    return new SoftmaxPartials(queries, KvHead.valueDim(headDim));
  }

  /**
   * Attends the last {@code tokens} tokens of a layer's cache, each seeing itself and what came
   * before.
   *
   * @param q [tokens][stride], the rotated queries of all heads
   * @param out [tokens][stride], the attention outputs of all heads
   */
  public void run(
      WorkerPool pool, KvCache cache, int layer, int tokens, float[] q, float[] out, int stride) {
    this.cache = cache;
    this.layer = layer;
    this.tokens = tokens;
    this.q = q;
    this.out = out;
    this.stride = stride;
    if (tokens > 1) {
      pool.run(batchTask, kvHeads * Math.ceilDiv(tokens, tileTokens));
      return;
    }
    segmentCount = 0;
    for (int h = 0; h < kvHeads; h++) {
      segmentCount = Math.max(segmentCount, KvCache.segments(cache.rows(layer, h)));
    }
    growSegments(kvHeads * segmentCount);
    pool.run(tokenTask, kvHeads * segmentCount);
    for (int h = 0; h < kvHeads; h++) {
      mergeSegments(h);
    }
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

  private void attendTile(int part, int worker) {
    int kvHead = part % kvHeads;
    // The last tokens see most rows: they come first, so that no thread is left with them at the
    // end.
    int tile = Math.ceilDiv(tokens, tileTokens) - 1 - part / kvHeads;
    int first = tile * tileTokens;
    int count = Math.min(tileTokens, tokens - first);
    KvHead head = cache.head(layer, kvHead);
    int offset = first * stride + kvHead * group * headDim;
    AttentionKernel.load(head, q, offset, stride, count, group, scratch[worker]);
    SoftmaxPartials result = tiles[worker];
    result.clear(count * group);
    int visible = head.rows() - tokens + first + 1;
    int end = KvCache.segments(visible + count - 1);
    for (int segment = 0; segment < end; segment++) {
      AttentionKernel.attend(head, segment, visible, count, group, scratch[worker], result, 0);
    }
    for (int query = 0; query < count * group; query++) {
      result.finish(query, out, offset + query / group * stride + query % group * headDim, headDim);
    }
  }

  private void attendSegment(int part, int worker) {
    int kvHead = part % kvHeads;
    int segment = part / kvHeads;
    KvHead head = cache.head(layer, kvHead);
    SoftmaxPartials result = segments[kvHead * segmentCount + segment];
    result.clear(group);
    AttentionKernel.load(head, q, kvHead * group * headDim, stride, 1, group, scratch[worker]);
    AttentionKernel.attend(head, segment, head.rows(), 1, group, scratch[worker], result, 0);
  }

  private void mergeSegments(int kvHead) {
    SoftmaxPartials result = segments[kvHead * segmentCount];
    for (int segment = 1; segment < segmentCount; segment++) {
      for (int query = 0; query < group; query++) {
        result.merge(query, segments[kvHead * segmentCount + segment], query);
      }
    }
    for (int query = 0; query < group; query++) {
      result.finish(query, out, (kvHead * group + query) * headDim, headDim);
    }
  }
}
