package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.attention.StoreOptions.Place;
import io.calidrop.tensor.VectorMath;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The paper's form of calibration. */
@Tag("kernel")
class ReferenceCalibrationTest {
  private static final int DIM = 16;
  private static final int ROWS = 70;
  private static final CacheShape SHAPE = new CacheShape(1, 1, 1, DIM);

  private final Random random = new Random(31);
  private final float[] keys = gaussian(ROWS * DIM);
  private final float[] values = gaussian(ROWS * DIM);
  private final float[] reference = gaussian(DIM);

  private float[] gaussian(int n) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  private static float norm(float[] x) {
    return (float) Math.sqrt(VectorMath.dot(x, 0, x, 0, DIM));
  }

  private static final Paper ALWAYS = CalibrationOptions.paper(-1, -1);

  private final EvictedLooks looks = new EvictedLooks();

  /**
   * A calibration that rows were evicted into, so many at a time, in some order.
   *
   * @param stored whether there is a store
   */
  private ReferenceCalibration evicted(
      Paper options, boolean stored, List<Integer> order, int step) {
    StoreOptions all = new StoreOptions(Place.RAM, 1 << 20, 1, KvTypes.of(KvType.F32));
    StoredRows store =
        stored ? new StoredRows(SHAPE, all, PageMemory.inRam(), (x, o, by) -> {}, 1000) : null;
    ReferenceCalibration calibration = new ReferenceCalibration(SHAPE, options, store, looks);
    QueryRing ring = new QueryRing(1, 1, 1, DIM, true);
    ring.put(0, 0, 0, reference, 0, 1);
    KvHead head = KvTypes.of(KvType.F32).newHead(DIM);
    head.extend(ROWS);
    for (int row = 0; row < ROWS; row++) {
      head.set(row, keys, row * DIM, values, row * DIM);
    }
    for (int from = 0; from < ROWS; from += step) {
      EvictedRows rows = new EvictedRows(DIM);
      for (int row : order.subList(from, Math.min(ROWS, from + step))) {
        rows.add(head, row, 0, row);
      }
      if (stored) {
        store.add(rows, 0, new EvictedRows(DIM));
      }
      calibration.evict(rows, ring, 0);
    }
    return calibration;
  }

  private static void compare(ReferenceCalibration calibration, float[] queries, int tokens) {
    calibration.compare(queries, 0, DIM, tokens, 100, 0, false, new Recall(SHAPE, 1));
  }

  /** The partial (log-sum-exp, then output) that a query is given for the evicted rows. */
  private static double[] given(ReferenceCalibration calibration, float[] query) {
    compare(calibration, query, 1);
    SoftmaxPartials out = new SoftmaxPartials(1, ValueRows.valueDim(DIM));
    out.clear(1);
    calibration.merge(0, 0, out, 0);
    float[] output = new float[DIM];
    out.finish(0, output, 0, DIM);
    double[] all = new double[1 + DIM];
    all[0] = out.logSumExp(0);
    for (int d = 0; d < DIM; d++) {
      all[1 + d] = output[d];
    }
    return all;
  }

  /** Exact attention of a query over the evicted rows: log-sum-exp, then output. */
  private double[] exact(float[] query) {
    double[] all = new double[1 + DIM];
    double sum = 0;
    for (int row = 0; row < ROWS; row++) {
      double score = 0;
      for (int d = 0; d < DIM; d++) {
        score += (double) query[d] * keys[row * DIM + d];
      }
      double weight = Math.exp(score / Math.sqrt(DIM));
      sum += weight;
      for (int d = 0; d < DIM; d++) {
        all[1 + d] += weight * values[row * DIM + d];
      }
    }
    all[0] = Math.log(sum);
    for (int i = 1; i < all.length; i++) {
      all[i] /= sum;
    }
    return all;
  }

  private static List<Integer> shuffled(long seed) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, ROWS).boxed().toList());
    Collections.shuffle(order, new Random(seed));
    return order;
  }

  @Test
  void foldingOneByOneInAnyOrderIsFoldingAtOnce() {
    float[] query = gaussian(DIM);
    double[] expected = given(evicted(ALWAYS, false, shuffled(1), ROWS), query);
    for (int step : new int[] {1, 9}) {
      double[] actual = given(evicted(ALWAYS, false, shuffled(step + 1), step), query);
      for (int i = 0; i < expected.length; i++) {
        assertThat(actual[i]).isCloseTo(expected[i], within(1e-5));
      }
    }
  }

  @Test
  void theReferenceItselfGetsWhatItWouldOfTheEvictedRows() {
    double[] actual = given(evicted(ALWAYS, false, shuffled(1), 16), reference);
    double[] expected = exact(reference);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).isCloseTo(expected[i], within(1e-5));
    }
  }

  @Test
  void anyOtherQueryGetsTheSame() {
    double[] expected = exact(reference);
    double[] actual = given(evicted(ALWAYS, false, shuffled(1), 16), gaussian(DIM));
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).isCloseTo(expected[i], within(1e-5));
    }
  }

  @Test
  void similarityDecidesTokenByTokenAndRecomputingMovesTheReference() {
    ReferenceCalibration calibration =
        evicted(CalibrationOptions.paper(0.9f, 0.5f), true, shuffled(1), ROWS);
    float[] other = gaussian(DIM);
    float along =
        VectorMath.dot(other, 0, reference, 0, DIM)
            / VectorMath.dot(reference, 0, reference, 0, DIM);
    VectorMath.addScaled(other, 0, reference, 0, DIM, -along);
    float[] between = new float[DIM]; // cosine 0.7 with both
    for (int d = 0; d < DIM; d++) {
      between[d] = reference[d] / norm(reference) + other[d] / norm(other);
    }
    float[] batch = new float[5 * DIM];
    float[][] tokens = {reference, between, other, other, between};
    for (int t = 0; t < 5; t++) {
      System.arraycopy(tokens[t], 0, batch, t * DIM, DIM);
    }
    compare(calibration, batch, 5);
    assertThat(looks.count).isEqualTo(5);
    assertThat(looks.calibrated).as("reference, other again").isEqualTo(2 * ROWS);
    assertThat(looks.skipped).as("between, twice").isEqualTo(2 * ROWS);
    assertThat(looks.recomputed).as("other").isEqualTo(ROWS);
    SoftmaxPartials out = new SoftmaxPartials(5, ValueRows.valueDim(DIM));
    out.clear(5);
    double[][] expected = {exact(reference), null, exact(other), exact(other), null};
    for (int t = 0; t < 5; t++) {
      calibration.merge(t, 0, out, t);
      if (expected[t] == null) {
        assertThat(out.logSumExp(t)).isEqualTo(Float.NEGATIVE_INFINITY);
      } else {
        assertThat((double) out.logSumExp(t)).isCloseTo(expected[t][0], within(1e-5));
      }
    }
  }
}
