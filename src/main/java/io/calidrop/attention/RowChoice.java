package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.RunSketches.RUN;

import io.calidrop.tensor.VectorShape;
import java.util.Arrays;

/**
 * Chooses the stored rows that a token reads: those with the highest scores by their sketches. Of a
 * very long text it first chooses pages by sketches of the mean keys of runs of their rows, so many
 * that both steps take as long as one does of a shorter text. A mean hides a single row that
 * matters: the longer the text, the more of them are missed. For one thread at a time.
 */
final class RowChoice {
  /** Pages whose rows are all scored; of longer texts as many pages of sketches are scored. */
  static final int MOST_PAGES = 2048;

  /** Of these, one in so many is a page of rows, however long the text. */
  private static final int LEAST_SHARE = 4;

  /** Runs that a token reads that reads lightly. */
  static final int LIGHT_RUNS = 16;

  private static final int PAGE_RUNS = BLOCK / RUN;

  private final SketchScan scan;
  private final int mostPages;
  private final BestRows[] best; // [tokens]
  private int[] all = {}; // 0, 1, ..
  private int[] pages = {}; // that rows are chosen from
  private final int[] runRows = new int[(LIGHT_RUNS + 1) * RUN];

  /**
   * @param tokens most at a time
   */
  RowChoice(CacheShape shape, int tokens) {
    this(shape, tokens, MOST_PAGES);
  }

  /**
   * @param mostPages in place of {@link #MOST_PAGES}
   */
  RowChoice(CacheShape shape, int tokens, int mostPages) {
    this.mostPages = mostPages;
    best = new BestRows[tokens];
    Arrays.setAll(best, i -> new BestRows());
    scan = new SketchScan(shape);
  }

  /**
   * Chooses for the tokens of a tile. What one gets does not depend on the others.
   *
   * @param near their queries for rows that see them as they are
   * @param far their queries for far rows
   * @param light how many of them, the first ones, choose runs of rows
   * @param chosen gets their rows
   */
  void choose(
      StoredRows stored,
      TurnedQueries near,
      TurnedQueries far,
      int tokens,
      int light,
      ChosenRows chosen) {
    int count = stored.slots();
    reach(count);
    if (light > 0) {
      chooseRuns(stored, count, near, far, light, chosen);
    }
    if (count > mostPages) {
      for (int token = light; token < tokens; token++) {
        chooseInTwoSteps(stored, count, near, far, token, chosen);
      }
    } else if (light < tokens) {
      chooseRows(stored, count, near, far, light, tokens, chosen);
    }
  }

  /** Chooses for tokens {@code [from, to)}. */
  private void chooseRows(
      StoredRows stored,
      int count,
      TurnedQueries near,
      TurnedQueries far,
      int from,
      int to,
      ChosenRows chosen) {
    int most = Math.min(stored.recall(), count * BLOCK);
    for (int i = 0; i < to - from; i++) {
      best[i].start(most);
    }
    scanRows(stored, all, count, near, far, from, to);
    for (int i = 0; i < to - from; i++) {
      chosen.add(best[i].rows(), best[i].finish());
    }
  }

  private void scanRows(
      StoredRows stored,
      int[] pages,
      int count,
      TurnedQueries near,
      TurnedQueries far,
      int from,
      int to) {
    int unused = stored.unused();
    int gapEnd = VectorShape.roundUp(unused, BLOCK);
    scan.over(stored.sketches(), 1, pages, count, unused, gapEnd, count * BLOCK);
    scan.run(stored, near, far, from, to, false, best);
  }

  /** Chooses for the first tokens runs of rows, the newest one besides while it is not complete. */
  private void chooseRuns(
      StoredRows stored,
      int count,
      TurnedQueries near,
      TurnedQueries far,
      int tokens,
      ChosenRows chosen) {
    for (int token = 0; token < tokens; token++) {
      best[token].start(LIGHT_RUNS);
    }
    scanRuns(stored, count, near, far, 0, tokens, false);
    for (int token = 0; token < tokens; token++) {
      int found = best[token].finish();
      chosen.add(runRows, listRows(best[token].rows(), found, stored.unused()));
    }
  }

  /** Lists the rows of chosen runs, and those of the one that is not complete: it has no sketch. */
  private int listRows(int[] runs, int count, int unused) {
    int begun = unused / RUN;
    int to = 0;
    boolean missing = unused % RUN > 0;
    for (int i = 0; i <= count; i++) {
      if (missing && (i == count || runs[i] > begun)) {
        missing = false;
        for (int row = begun * RUN; row < unused; row++) {
          runRows[to++] = row;
        }
      }
      for (int row = 0; row < RUN && i < count; row++) {
        runRows[to++] = runs[i] * RUN + row;
      }
    }
    return to;
  }

  /**
   * Scores all runs.
   *
   * @param ofPages whether of those of a page only the best counts
   */
  private void scanRuns(
      StoredRows stored,
      int count,
      TurnedQueries near,
      TurnedQueries far,
      int from,
      int to,
      boolean ofPages) {
    int unused = stored.unused();
    int gapEnd = VectorShape.roundUp(unused, BLOCK);
    int pages = Math.ceilDiv(count, RUN);
    int runs = count * PAGE_RUNS;
    scan.over(stored.runSketches(), RUN, all, pages, unused / RUN, gapEnd / RUN, runs);
    scan.run(stored, near, far, from, to, ofPages, best);
  }

  private void chooseInTwoSteps(
      StoredRows stored,
      int count,
      TurnedQueries near,
      TurnedQueries far,
      int token,
      ChosenRows chosen) {
    BestRows best = this.best[0];
    best.start(Math.max(mostPages - Math.ceilDiv(count, RUN), mostPages / LEAST_SHARE));
    scanRuns(stored, count, near, far, token, token + 1, true);
    int some = list(best.rows(), best.finish(), stored.unused());
    best.start(Math.min(stored.recall(), some * BLOCK));
    scanRows(stored, pages, some, near, far, token, token + 1);
    int found = best.finish();
    int[] rows = best.rows();
    for (int i = 0; i < found; i++) {
      rows[i] = pages[rows[i] / BLOCK] * BLOCK + rows[i] % BLOCK;
    }
    chosen.add(rows, found);
  }

  /** Lists the pages of chosen runs, and that of one that is not complete: it has no sketch. */
  private int list(int[] runs, int count, int unused) {
    if (pages.length <= count) {
      pages = new int[count + count / 2 + 1];
    }
    int begun = unused / BLOCK;
    boolean missing = unused % RUN > 0;
    int to = 0;
    for (int i = 0; i < count; i++) {
      int page = runs[i] / PAGE_RUNS;
      if (missing && page >= begun) {
        missing = false;
        if (page > begun) {
          pages[to++] = begun;
        }
      }
      pages[to++] = page;
    }
    if (missing) {
      pages[to++] = begun;
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
  }
}
