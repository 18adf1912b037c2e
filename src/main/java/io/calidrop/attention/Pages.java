package io.calidrop.attention;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Pages of rows in arrays. Those that are made together lie together, so that what reads one after
 * the other reads upwards: the processor then fetches ahead beyond a page's end.
 */
final class Pages<A> {
  private final IntFunction<A> newArray;
  private final int length;
  private final List<A> arrays = new ArrayList<>(); // [pages] what each lies in
  private int[] offsets = {}; // [pages] and where

  /**
   * @param newArray makes an array of so many elements
   * @param length elements of a page
   */
  Pages(IntFunction<A> newArray, int length) {
    this.newArray = newArray;
    this.length = length;
  }

  /** The array that a page lies in. */
  A array(int page) {
    return arrays.get(page);
  }

  /** Where a page begins in its array. */
  int offset(int page) {
    return offsets[page];
  }

  /** Allocates {@code count} pages. */
  void add(int count) {
    int size = arrays.size();
    if (offsets.length < size + count) {
      offsets = Arrays.copyOf(offsets, Math.max(size + count, size * 3 / 2));
    }
    A array = newArray.apply(count * length);
    for (int i = 0; i < count; i++) {
      arrays.add(array);
      offsets[size + i] = i * length;
    }
  }

  /** Frees all but the first {@code count} pages, and copies those that lie with freed ones. */
  void keep(int count) {
    List<A> freed = arrays.subList(count, arrays.size());
    while (!freed.isEmpty()) {
      A array = freed.getFirst();
      freed.removeIf(other -> other == array);
      int kept = 0;
      for (int page = 0; page < count; page++) {
        kept += arrays.get(page) == array ? 1 : 0;
      }
      copy(array, kept);
    }
  }

  /** Copies the {@code count} pages that lie in an array to one of their own. */
  private void copy(A array, int count) {
    if (count == 0) {
      return;
    }
    A own = newArray.apply(count * length);
    int to = 0;
    for (int page = 0; to < count * length; page++) {
      if (arrays.get(page) == array) {
        System.arraycopy(array, offsets[page], own, to, length);
        arrays.set(page, own);
        offsets[page] = to;
        to += length;
      }
    }
  }

  /** Moves the first page behind the others. */
  void rotate() {
    int last = arrays.size() - 1;
    int first = offsets[0];
    System.arraycopy(offsets, 1, offsets, 0, last);
    offsets[last] = first;
    arrays.addLast(arrays.removeFirst());
  }
}
