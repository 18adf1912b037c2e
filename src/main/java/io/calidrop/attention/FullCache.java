package io.calidrop.attention;

import io.calidrop.tensor.WorkerPool;
import java.util.Arrays;
import java.util.List;

/** Keeps every token, up to the context; nothing is observed and nothing stands in for anything. */
final class FullCache extends KvCache {
  private final LayerRows[] layers;
  private final int kvHeads;
  private final int contextLength;
  private final boolean plain; // all rows alike, new or old

  FullCache(CacheShape shape, KvTypes types, int contextLength, LayerRotations rotations) {
    super(shape, rotations, () -> types.newFullHead(shape.headDim()));
    kvHeads = shape.kvHeads();
    this.contextLength = contextLength;
    plain = types.newFullHead(shape.headDim()).newest == null;
    layers = new LayerRows[shape.fullLayers().length];
    Arrays.setAll(
        layers,
        i -> new LayerRows(kvHeads, shape.headDim(), () -> types.newFullHead(shape.headDim())));
  }

  @Override
  public int room() {
    return contextLength - position();
  }

  @Override
  public boolean isEndless() {
    return false;
  }

  @Override
  public void pin(int tokens) {
    // They stay anyway.
  }

  @Override
  public void expectPrompt(int tokens) {
    // It is attended whole. Its rows will lie together.
    for (LayerRows layer : layers) {
      layer.reserve((int) Math.min(contextLength, seen() + tokens));
    }
  }

  @Override
  public void readLightly(int tokens) {
    // Nothing is stored.
  }

  @Override
  public void begin(WorkerPool pool) {
    // Positions are never rebased: there is no room beyond the context.
  }

  @Override
  void extendFull(int index, int count) {
    layers[index].extend(count);
  }

  @Override
  void storeFull(int index, int count, int token, float[] keys, float[] values, int offset) {
    layers[index].store(count, token, keys, values, offset);
  }

  @Override
  public int draftRoom() {
    return room();
  }

  @Override
  void markFull() {
    for (LayerRows layer : layers) {
      layer.mark();
    }
  }

  @Override
  boolean isFullRewindable() {
    return plain;
  }

  @Override
  boolean canDrop(long tokens) {
    return layers.length == 0 || layers[0].canTruncate((int) tokens);
  }

  @Override
  List<CacheStatistics> fullLayerStatistics() {
    return List.of();
  }

  @Override
  CacheStatistics fullStatistics() {
    long bytes = 0;
    for (LayerRows layer : layers) {
      bytes += layer.bytes();
    }
    return CacheStatistics.of(seen(), seen(), bytes);
  }

  @Override
  public void close() {
    // All of it is on the heap.
  }

  @Override
  KvHead fullHead(int index, int kvHead) {
    return layers[index].head(kvHead);
  }

  @Override
  CalibrationRows calibration(int layer, int kvHead) {
    return CalibrationRows.NONE;
  }

  @Override
  StoredRows stored(int layer, int kvHead) {
    return null;
  }

  @Override
  int light() {
    return 0;
  }

  @Override
  boolean hasReferences() {
    return false;
  }

  @Override
  void compare(
      int layer, int kvHead, float[] q, int offset, int stride, int tokens, Recall recall) {
    // There are no references.
  }

  @Override
  int firstObserved() {
    return Integer.MAX_VALUE;
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
    // The rows are all there is.
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
    throw new IllegalStateException("a full cache observes nothing");
  }

  @Override
  public boolean attendsPromptsWhole() {
    return plain;
  }

  @Override
  void attended(WorkerPool pool, int count) {
    // Nothing is pruned.
  }

  @Override
  void drop(int tokens) {
    for (LayerRows layer : layers) {
      layer.truncate(tokens);
    }
  }

  @Override
  void copy(WorkerPool pool, AttendedPrompt prompt) {
    for (int layer = 0; layer < layers.length; layer++) {
      for (int h = 0; h < kvHeads; h++) {
        layers[layer].head(h).copyFrom(prompt.head(layer * kvHeads + h).rows);
      }
    }
  }

  @Override
  void transferRows(StateTransfer state, boolean stores) {
    for (LayerRows layer : layers) {
      layer.transfer(state, contextLength);
    }
  }
}
