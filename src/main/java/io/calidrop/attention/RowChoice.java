package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.RunSketches.RUN;

import io.calidrop.tensor.VectorShape;
import java.util.Arrays;

/**
 * Chooses the stored rows that a token reads: those with the highest scores by their sketches. Of a
 * very long text it first chooses runs of rows by the sketches of their means, so that a choice
 * takes as long as the number of runs, not of rows, demands. A mean hides a single row that
 * matters: many runs are needed for few rows. For one thread at a time.
 */
final class RowChoice {
  /** Rows of so many runs are all scored. */
  static final int MOST_RUNS = 16_384;

  /** Runs whose rows are scored where there are more. */
  static final int RUNS = 8192;

  private static final int PAGE_RUNS = BLOCK / RUN;

  private final SketchScan scan;
  private final int mostRuns;
  private final int chosenRuns;
  private final BestRows[] best; // [tokens]
  private int[] all = {}; // 0, 1, ..
  private int[] pages = {}; // that rows are chosen from

  /**
   * @param tokens most at a time
   */
  RowChoice(CacheShape shape, int tokens) {
    this(shape, tokens, MOST_RUNS, RUNS);
  }

  /**
   * @param mostRuns in place of {@link #MOST_RUNS}
   * @param chosenRuns in place of {@link #RUNS}
   */
  RowChoice(CacheShape shape, int tokens, int mostRuns, int chosenRuns) {
    this.mostRuns = mostRuns;
    this.chosenRuns = chosenRuns;
    best = new BestRows[tokens];
    Arrays.setAll(best, i -> new BestRows());
    scan = new SketchScan(shape);
  }

  /**
   * Chooses for the tokens of a tile. What one gets does not depend on the others.
   *
   * @param near their queries for rows that see them as they are
   * @param far their queries for far rows
   * @param chosen gets their rows
   */
  void choose(
      StoredRows stored, TurnedQueries near, TurnedQueries far, int tokens, ChosenRows chosen) {
    int count = stored.slots();
    reach(count);
    if (count * PAGE_RUNS > mostRuns) {
      for (int token = 0; token < tokens; token++) {
        chooseInTwoSteps(stored, count, near, far, token, chosen);
      }
      return;
    }
    for (int token = 0; token < tokens; token++) {
      best[token].start(stored.recall());
    }
    int unused = stored.unused();
    int gapEnd = VectorShape.roundUp(unused, BLOCK);
    scan.over(stored.sketches(), 1, all, count, unused, gapEnd, count * BLOCK);
    scan.run(stored, near, far, 0, tokens, best);
    for (int token = 0; token < tokens; token++) {
      int found = best[token].finish();
      chosen.add(best[token].rows(), found);
    }
  }

  private void chooseInTwoSteps(
      StoredRows stored,
      int count,
      TurnedQueries near,
      TurnedQueries far,
      int token,
      ChosenRows chosen) {
    BestRows best = this.best[0];
    int unused = stored.unused();
    int gapEnd = VectorShape.roundUp(unused, BLOCK);
    best.start(chosenRuns);
    int runPages = Math.ceilDiv(count, RUN);
    int end = count * PAGE_RUNS;
    scan.over(stored.runSketches(), RUN, all, runPages, unused / RUN, gapEnd / RUN, end);
    scan.run(stored, near, far, token, token + 1, this.best);
    int some = list(best.rows(), best.finish(), unused);
    best.start(stored.recall());
    scan.over(stored.sketches(), 1, pages, some, unused, gapEnd, some * BLOCK);
    scan.run(stored, near, far, token, token + 1, this.best);
    int found = best.finish();
    int[] rows = best.rows();
    for (int i = 0; i < found; i++) {
      rows[i] = pages[rows[i] / BLOCK] * BLOCK + rows[i] % BLOCK;
    }
    chosen.add(rows, found);
  }

  /** Lists the pages of chosen runs, and that of one that is not complete: it has no sketch. */
  private int list(int[] runs, int count, int unused) {
    int begun = unused % RUN > 0 ? unused / BLOCK : Integer.MAX_VALUE;
    int last = -1;
    int to = 0;
    for (int i = 0; i <= count; i++) {
      int page = i < count ? runs[i] / PAGE_RUNS : begun;
      if (begun > last && begun < page) {
        pages[to++] = begun;
        last = begun;
      }
      if (page > last && page < Integer.MAX_VALUE) {
        pages[to++] = page;
        last = page;
      }
    }
    return to;
  }

  /** Makes room for a choice from {@code count} pages. */
  private void reach(int count) {
    if (all.length < count) {
      int old = all.length;
      all = Arrays.copyOf(all, count + count / 2);
      for (int i = old; i < all.length; i++) {
        all[i] = i;
      }
    }
    if (pages.length < Math.min(count, chosenRuns + 1)) {
      pages = new int[chosenRuns + 1];
    }
  }
}
