package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.PARTIALS;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.XOR;

import io.calidrop.tensor.VectorMath;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Grouped-query attention of a tile of queries over the rows of one KV head, by online softmax over
 * blocks of 64 rows. All query heads of the group and all tokens of the tile share one reading of K
 * and V: first all scores of a block are computed, then all sums, so that either stays in L1.
 */
final class AttentionKernel {
  /**
   * Rows whose partial results are computed apart and then merged in order. Threads share a
   * decoding step by segments, and prefill keeps to the same ones, so both add in the same order.
   */
  static final int SEGMENT = 256;

  private AttentionKernel() {}

  /**
   * Loads the queries of a tile.
   *
   * @param q [tokens][stride], with the group's heads one after the other at {@code offset}
   */
  static void load(
      KvHead head,
      float[] q,
      int offset,
      int stride,
      int tokens,
      int group,
      AttentionScratch scratch) {
    scratch.loaded = -1;
    int dim = head.headDim;
    float scale = scratch.attentionScores.scale() * head.keys.queryScale();
    Hadamard rotation = head.keys.rotation();
    float[] out = scratch.queries;
    for (int query = 0; query < tokens * group; query++) {
      int from = offset + query / group * stride + query % group * dim;
      if (rotation.isNone()) {
        toQuads(q, from, dim, scale, out, query);
      } else {
        System.arraycopy(q, from, scratch.rotated, 0, dim);
        rotation.apply(scratch.rotated, 0, dim);
        toQuads(scratch.rotated, 0, dim, scale, out, query);
      }
    }
  }

  /** Writes a scaled vector [dim] as number {@code i} of [vectors / 4][dim][4]. */
  static void toQuads(float[] x, int offset, int dim, float scale, float[] quads, int i) {
    int to = i / QUAD * QUAD * dim + i % QUAD;
    for (int d = 0; d < dim; d++) {
      quads[to + d * QUAD] = x[offset + d] * scale;
    }
  }

  /**
   * Attends one segment of a sequence's rows and merges the result into {@code out}.
   *
   * @param visible rows up to the one of the tile's first token; each later token sees one more
   * @param window of the rows up to its own, the last so many are what a token sees
   * @param log keeps the weights, or null
   */
  static void attend(
      KvHead head,
      int segment,
      int visible,
      int window,
      int tokens,
      int group,
      AttentionScratch scratch,
      ShareLog log,
      SoftmaxPartials out) {
    int queries = tokens * group;
    int quads = Math.ceilDiv(queries, QUAD);
    SoftmaxPartials partials = start(scratch, quads);
    NewestRows newest = head.newest;
    int end = Math.min((segment + 1) * SEGMENT, visible + tokens - 1);
    for (int row = segment * SEGMENT; row < end; row += BLOCK) {
      for (int quad = 0; quad < quads; quad++) {
        int seen = seen(row, quad, visible, window, queries, group);
        if (seen == 0) {
          continue;
        }
        float[] scores = scratch.quadScores[quad];
        int last = quad(scratch, quad, queries);
        dots(head, row, quad, scratch);
        if (isNew(newest, row, quad, visible, group)) {
          newest.addScores(row, quad, visible, group, scratch);
        }
        cap(scores, scratch);
        for (int t = 0; t < QUAD; t++) {
          int query = quad * QUAD + t;
          int own = visible + query / group - row;
          int limit = query > last ? 0 : Math.min(own, BLOCK);
          int start = Math.max(0, own - window);
          prepare(scratch, scores, t, query, start, limit, head.valueDim);
        }
        softmax(scratch, scores, quad, head.values.weightScale());
        if (log != null) {
          log.put(row, quad, scores, partials.max);
        }
      }
      for (int quad = 0; quad < quads; quad++) {
        int seen = seen(row, quad, visible, window, queries, group);
        if (seen == 0) {
          continue;
        }
        quad(scratch, quad, queries);
        int o = quad * QUAD * head.valueDim;
        head.accumulate(row, seen, scratch.quadScores[quad], partials.acc, o, scratch);
        if (isNew(newest, row, quad, visible, group)) {
          newest.accumulate(row, seen, quad, visible, group, scratch);
        }
      }
    }
    finish(scratch, queries, out);
  }

  /**
   * Attends one segment of calibration rows, which every query sees, and merges the result into
   * {@code out}.
   */
  static void attendAll(
      CalibrationRows calibration,
      int segment,
      int queries,
      AttentionScratch scratch,
      SoftmaxPartials out) {
    KvHead head = calibration.rows;
    int quads = Math.ceilDiv(queries, QUAD);
    SoftmaxPartials partials = start(scratch, quads);
    int end = Math.min((segment + 1) * SEGMENT, head.rows());
    for (int row = segment * SEGMENT; row < end; row += BLOCK) {
      int seen = Math.min(end - row, BLOCK);
      calibration.biases(row, scratch.biases);
      for (int quad = 0; quad < quads; quad++) {
        float[] scores = scratch.quadScores[quad];
        int last = quad(scratch, quad, queries);
        dots(head, row, quad, scratch);
        cap(scores, scratch);
        for (int t = 0; t < QUAD; t++) {
          VectorMath.add(scores, t * BLOCK, scratch.biases, 0, BLOCK);
          int query = quad * QUAD + t;
          prepare(scratch, scores, t, query, 0, query > last ? 0 : seen, head.valueDim);
        }
        softmax(scratch, scores, quad, head.values.weightScale());
      }
      for (int quad = 0; quad < quads; quad++) {
        quad(scratch, quad, queries);
        int o = quad * QUAD * head.valueDim;
        head.accumulate(row, seen, scratch.quadScores[quad], partials.acc, o, scratch);
      }
    }
    finish(scratch, queries, out);
  }

  /** Rows of a block that the last token of a quad sees, or 0 if none of its tokens sees any. */
  private static int seen(int row, int quad, int visible, int window, int queries, int group) {
    int last = Math.min(quad * QUAD + QUAD, queries) - 1;
    boolean isPast = visible + quad * QUAD / group - window >= row + BLOCK;
    return isPast ? 0 : Math.clamp(visible + last / group - row, 0, BLOCK);
  }

  private static boolean isNew(NewestRows newest, int row, int quad, int visible, int group) {
    return newest != null && row >= NewestRows.first(visible + quad * QUAD / group);
  }

  /** Begins with a quad and returns its last query. */
  private static int quad(AttentionScratch scratch, int quad, int queries) {
    int last = Math.min(quad * QUAD + QUAD, queries) - 1;
    scratch.quad(last + 1 - quad * QUAD);
    return last;
  }

  private static void dots(KvHead head, int row, int quad, AttentionScratch scratch) {
    int queries = quad * QUAD * head.headDim;
    head.scores(row, scratch.queries, queries, scratch.quadScores[quad], scratch);
  }

  private static void cap(float[] scores, AttentionScratch scratch) {
    scratch.attentionScores.cap(scores, 0, QUAD * BLOCK);
  }

  private static SoftmaxPartials start(AttentionScratch scratch, int quads) {
    scratch.start(quads);
    scratch.segment.clear(quads * QUAD);
    Arrays.fill(scratch.sums, 0, quads * QUAD * PARTIALS, 0f);
    return scratch.segment;
  }

  private static void finish(AttentionScratch scratch, int queries, SoftmaxPartials out) {
    for (int query = 0; query < queries; query++) {
      float z = 0;
      for (int partial = 0; partial < PARTIALS; partial++) {
        z += scratch.sums[query * PARTIALS + partial];
      }
      scratch.segment.sum[query] = z;
      out.merge(query, scratch.segment, query);
    }
  }

  /**
   * Brings one query's partial to the maximum with a block's scores, of rows {@code [start,
   * limit)}, whose weights {@link #softmax} makes of them.
   */
  private static void prepare(
      AttentionScratch scratch,
      float[] scores,
      int t,
      int query,
      int start,
      int limit,
      int valueDim) {
    boolean isEmpty = limit <= start;
    scratch.starts[t] = isEmpty ? 0 : start;
    scratch.limits[t] = isEmpty ? 0 : limit;
    if (isEmpty) {
      return;
    }
    int from = t * BLOCK;
    Arrays.fill(scores, from, from + start, Float.NEGATIVE_INFINITY);
    Arrays.fill(scores, from + limit, from + BLOCK, Float.NEGATIVE_INFINITY);
    SoftmaxPartials partials = scratch.segment;
    float max = partials.max[query];
    float newMax = Math.max(max, max(scores, from));
    float factor = 1;
    if (newMax > max) {
      partials.max[query] = newMax;
      factor = VectorMath.exp(max - newMax);
      VectorMath.scale(partials.acc, query * valueDim, valueDim, factor);
    }
    scratch.maxima[t] = newMax;
    scratch.factors[t] = factor;
  }

  /**
   * The largest of a block's scores. Numbers' bits become ints in the numbers' order: of C2's code
   * a maximum of ints is one instruction, of floats six.
   */
  private static float max(float[] scores, int from) {
    IntVector max = IntVector.broadcast(I, Integer.MIN_VALUE);
    for (int i = from; i < from + BLOCK; i += LANES) {
      IntVector bits = (IntVector) FloatVector.fromArray(F, scores, i).reinterpretShape(I, 0);
      max = bits.lanewise(ASHR, 31).and(Integer.MAX_VALUE).lanewise(XOR, bits).max(max);
    }
    int bits = max.reduceLanes(MAX);
    return Float.intBitsToFloat(bits >> 31 & Integer.MAX_VALUE ^ bits);
  }

  /** Turns a block's scores of a quad of queries into weights. */
  private static void softmax(
      AttentionScratch scratch, float[] scores, int quad, float weightScale) {
    exponentials(scratch, scores, quad * QUAD * PARTIALS, weightScale);
    for (int t = 0; t < QUAD; t++) {
      int from = t * BLOCK;
      Arrays.fill(scores, from, from + scratch.starts[t], 0f);
      Arrays.fill(scores, from + scratch.limits[t], from + BLOCK, 0f);
    }
  }

  /**
   * Turns scores into weights and adds these to factors times the sums, which lie in memory between
   * blocks. The only method that takes and returns a vector here is {@link VectorMath#exp}, which
   * C2 inlines: elsewhere one would be boxed.
   */
  private static void exponentials(
      AttentionScratch scratch, float[] scores, int o, float weightScale) {
    float[] sums = scratch.sums;
    for (int t = 0; t < QUAD; t++) {
      if (scratch.limits[t] > scratch.starts[t]) {
        float max = scratch.maxima[t];
        for (int partial = 0; partial < PARTIALS; partial += LANES) {
          int at = o + t * PARTIALS + partial;
          FloatVector sum = FloatVector.fromArray(F, sums, at).mul(scratch.factors[t]);
          for (int i = t * BLOCK + partial; i < t * BLOCK + BLOCK; i += PARTIALS) {
            FloatVector weight = VectorMath.exp(FloatVector.fromArray(F, scores, i).sub(max));
            sum = weight.add(sum);
            weight.mul(weightScale).intoArray(scores, i);
          }
          sum.intoArray(sums, at);
        }
      }
    }
  }
}
