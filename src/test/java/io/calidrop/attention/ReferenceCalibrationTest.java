package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.attention.CalibrationOptions.References;
import io.calidrop.attention.CalibrationOptions.Store;
import io.calidrop.tensor.VectorMath;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The paper's form of calibration, and ours to first order. */
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

  private static References always(boolean firstOrder) {
    return new Paper(-1, -1, firstOrder, Store.NONE);
  }

  /** A calibration that rows were evicted into, so many at a time, in some order. */
  private ReferenceCalibration evicted(References options, List<Integer> order, int step) {
    PageMemory memory = options.store() == Store.NONE ? null : PageMemory.inRam();
    int valueLength = ReferenceCalibration.valueLength(DIM, options);
    EvictedStore store =
        memory == null
            ? null
            : new EvictedStore(memory, KvTypes.of(KvType.F32).newHead(DIM, valueLength));
    ReferenceCalibration calibration = new ReferenceCalibration(SHAPE, options, store);
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
      calibration.evict(rows, ring, 0);
    }
    return calibration;
  }

  private static ReferenceScratch scratch(References options) {
    return new ReferenceScratch(
        KvTypes.of(KvType.F32), SHAPE, ReferenceCalibration.valueLength(DIM, options));
  }

  /** The partial (log-sum-exp, then output) that a query is given for the evicted rows. */
  private static double[] given(
      ReferenceCalibration calibration, References options, float[] query) {
    calibration.compare(query, 0, DIM, 1, false, scratch(options));
    SoftmaxPartials out = new SoftmaxPartials(1, ValueRows.valueDim(DIM));
    out.clear(1);
    calibration.merge(0, 0, query, 0, out, 0);
    float[] output = new float[DIM];
    out.finish(0, output, 0, DIM);
    double[] all = new double[1 + DIM];
    all[0] = out.logSumExp(0);
    for (int d = 0; d < DIM; d++) {
      all[1 + d] = output[d];
    }
    return all;
  }

  /** Exact attention of a query over the evicted rows: log-sum-exp, output, then mean key. */
  private double[] exact(float[] query) {
    double[] all = new double[1 + 2 * DIM];
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
        all[1 + DIM + d] += weight * keys[row * DIM + d];
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

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void foldingOneByOneInAnyOrderIsFoldingAtOnce(boolean firstOrder) {
    References options = always(firstOrder);
    float[] query = gaussian(DIM);
    double[] expected = given(evicted(options, shuffled(1), ROWS), options, query);
    for (int step : new int[] {1, 9}) {
      double[] actual = given(evicted(options, shuffled(step + 1), step), options, query);
      for (int i = 0; i < expected.length; i++) {
        assertThat(actual[i]).isCloseTo(expected[i], within(1e-5));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theReferenceItselfGetsWhatItWouldOfTheEvictedRows(boolean firstOrder) {
    References options = always(firstOrder);
    double[] actual = given(evicted(options, shuffled(1), 16), options, reference);
    double[] expected = exact(reference);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).isCloseTo(expected[i], within(1e-5));
    }
  }

  @Test
  void toFirstOrderTheMassFollowsTheQueryAndTheOutputStays() {
    float[] query = gaussian(DIM);
    double[] exact = exact(reference);
    double slope = 0;
    for (int d = 0; d < DIM; d++) {
      slope += (query[d] - reference[d]) * exact[1 + DIM + d] / Math.sqrt(DIM);
    }
    References zero = always(false);
    References first = always(true);
    double[] replayed = given(evicted(zero, shuffled(1), 16), zero, query);
    double[] followed = given(evicted(first, shuffled(1), 16), first, query);
    assertThat(replayed[0]).isCloseTo(exact[0], within(1e-5));
    assertThat(followed[0]).isCloseTo(exact[0] + slope, within(1e-5));
    for (int d = 1; d <= DIM; d++) {
      assertThat(replayed[d]).isCloseTo(exact[d], within(1e-5));
      assertThat(followed[d]).isCloseTo(exact[d], within(1e-5));
    }
  }

  @Test
  void similarityDecidesTokenByTokenAndRecomputingMovesTheReference() {
    References options = new Paper(0.9f, 0.5f, false, Store.RAM);
    ReferenceCalibration calibration = evicted(options, shuffled(1), ROWS);
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
    calibration.compare(batch, 0, DIM, 5, false, scratch(options));
    assertThat(calibration.calibrations()).as("reference, other again").isEqualTo(2);
    assertThat(calibration.skips()).as("between, twice").isEqualTo(2);
    assertThat(calibration.recomputations()).as("other").isEqualTo(1);
    SoftmaxPartials out = new SoftmaxPartials(5, ValueRows.valueDim(DIM));
    out.clear(5);
    double[][] expected = {exact(reference), null, exact(other), exact(other), null};
    for (int t = 0; t < 5; t++) {
      calibration.merge(t, 0, batch, t * DIM, out, t);
      if (expected[t] == null) {
        assertThat(out.logSumExp(t)).isEqualTo(Float.NEGATIVE_INFINITY);
      } else {
        assertThat((double) out.logSumExp(t)).isCloseTo(expected[t][0], within(1e-5));
      }
    }
  }
}
