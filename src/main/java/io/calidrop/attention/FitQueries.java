package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.PARTIALS;

import io.calidrop.tensor.VectorMath;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/** The last queries of a KV head's group, as the attention kernel's loops take them. */
final class FitQueries {
  private final int headDim;
  private final int group;
  private final AttentionScores attentionScores;

  /** [queries / 4][headDim][4], scaled. */
  private final float[] queries;

  private final float[] logSumExp; // [queries]
  private final float[] query; // [headDim]
  private int count;

  FitQueries(CacheShape shape, int max) {
    headDim = shape.headDim();
    group = shape.group();
    attentionScores = shape.scores();
    int padded = Math.ceilDiv(max, QUAD) * QUAD;
    queries = new float[padded * headDim];
    logSumExp = new float[padded];
    query = new float[headDim];
  }

  int count() {
    return count;
  }

  /** Takes the queries that a ring holds after a sequence of {@code seen} tokens. */
  void load(QueryRing ring, long seen) {
    count = ring.count(seen) * group;
    for (int i = 0; i < count; i++) {
      long index = ring.index(i / group, seen);
      logSumExp[i] = ring.logSumExp(index, i % group);
      ring.get(index, i % group, query, 0);
      AttentionKernel.toQuads(query, 0, headDim, attentionScores.scale(), queries, i);
    }
  }

  /** Scores of four queries with a block of rows, as the attention kernel has them. */
  void scores(KvHead rows, int row, int first, float[] scores) {
    rows.scores(row, queries, first * headDim, scores, null);
    attentionScores.cap(scores, 0, QUAD * BLOCK);
  }

  /**
   * Turns the scores of four queries with a block of evicted rows into shares of their attention.
   *
   * @param rows rows of the block in use
   * @param bias [rows] from {@code row}
   * @param mass [queries] is increased by each query's shares
   */
  void shares(int first, int row, int rows, float[] bias, float[] scores, float[] mass) {
    ratios(first, row, rows, bias, scores);
    for (int t = 0; t < QUAD; t++) {
      mass[first + t] += sum(scores, t * BLOCK);
    }
  }

  /**
   * Turns the scores of four queries with a block of rows into {@code exp(score + bias - lse)}, and
   * those of rows not in use into 0.
   */
  void ratios(int first, int row, int rows, float[] bias, float[] scores) {
    for (int t = 0; t < QUAD; t++) {
      int limit = first + t < count ? rows : 0;
      if (limit > 0) {
        exponentials(scores, t * BLOCK, bias, row, logSumExp[first + t]);
      }
      Arrays.fill(scores, t * BLOCK + limit, (t + 1) * BLOCK, 0f);
    }
  }

  private static void exponentials(float[] scores, int from, float[] bias, int row, float lse) {
    for (int i = 0; i < BLOCK; i += LANES) {
      VectorMath.exp(
              FloatVector.fromArray(F, scores, from + i)
                  .add(FloatVector.fromArray(F, bias, row + i))
                  .sub(lse))
          .intoArray(scores, from + i);
    }
  }

  private static float sum(float[] x, int from) {
    FloatVector s0 = FloatVector.zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int i = from; i < from + BLOCK; i += PARTIALS) {
      s0 = FloatVector.fromArray(F, x, i).add(s0);
      if (LANES < PARTIALS) {
        s1 = FloatVector.fromArray(F, x, i + LANES).add(s1);
      }
      if (LANES < PARTIALS / 2) {
        s2 = FloatVector.fromArray(F, x, i + 2 * LANES).add(s2);
        s3 = FloatVector.fromArray(F, x, i + 3 * LANES).add(s3);
      }
    }
    return VectorMath.sum(s0.add(s2).add(s1.add(s3)));
  }
}
