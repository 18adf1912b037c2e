package io.calidrop.sampling;

/** A binary heap of longs, the smallest on top. Its storage is allocated once. */
final class LongHeap {
  private final long[] keys;
  private int size;

  LongHeap(int capacity) {
    keys = new long[capacity];
  }

  void clear() {
    size = 0;
  }

  int size() {
    return size;
  }

  long top() {
    return keys[0];
  }

  /** Adds a key without restoring the order: {@link #heapify()} once after the last. */
  void append(long key) {
    keys[size++] = key;
  }

  void heapify() {
    for (int i = size / 2 - 1; i >= 0; i--) {
      siftDown(i);
    }
  }

  void replaceTop(long key) {
    keys[0] = key;
    siftDown(0);
  }

  long pop() {
    long top = keys[0];
    keys[0] = keys[--size];
    siftDown(0);
    return top;
  }

  private void siftDown(int start) {
    int hole = start;
    long key = keys[start];
    while (true) {
      int child = 2 * hole + 1;
      if (child >= size) {
        break;
      }
      if (child + 1 < size && keys[child + 1] < keys[child]) {
        child++;
      }
      if (keys[child] >= key) {
        break;
      }
      keys[hole] = keys[child];
      hole = child;
    }
    keys[hole] = key;
  }
}
