package io.calidrop.attention;

/** What one thread needs to attend the evicted rows of a KV head. */
final class ReferenceScratch {
  static final int MAX_QUERIES = 48;

  final AttentionScratch attention;

  /** Pages of evicted rows that are being attended. */
  final KvHead window;

  /** The results of up to {@link #MAX_QUERIES} queries. */
  final SoftmaxPartials result;

  /** [MAX_QUERIES][headDim] queries side by side. */
  final float[] queries;

  ReferenceScratch(KvTypes types, CacheShape shape, int valueLength) {
    int headDim = shape.headDim();
    attention = new AttentionScratch(shape, valueLength, MAX_QUERIES);
    window = types.newHead(headDim, valueLength);
    result = new SoftmaxPartials(MAX_QUERIES, ValueRows.valueDim(valueLength));
    queries = new float[MAX_QUERIES * headDim];
  }
}
