package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;

import java.util.ArrayList;
import java.util.List;

/**
 * What a head's store was at some moment, as far as it has changed since: rows are only ever added,
 * but for pages that turn or that leave, of which there is a copy.
 *
 * @param first page that was the oldest
 * @param end rows that had come
 * @param runs of them
 * @param changed copies of pages that have changed, in the order in which they did
 */
record StoreMark(long first, long end, RunSketches.Mark runs, List<Page> changed) {
  /**
   * A page of a store.
   *
   * @param record of its rows
   * @param positions [BLOCK] in the sequence
   * @param far whether it is turned to position 0
   * @param sketches of its keys
   * @param runs the page of run sketches that has its runs
   */
  record Page(
      int slot,
      byte[] record,
      int[] positions,
      boolean far,
      KeySketches.Page sketches,
      KeySketches.Page runs) {}

  StoreMark(long first, long end, RunSketches.Mark runs) {
    this(first, end, runs, new ArrayList<>());
  }

  /** Whether rows of a page were there. */
  boolean had(long page) {
    return page * BLOCK < end;
  }
}
