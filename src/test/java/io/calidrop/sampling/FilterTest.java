package io.calidrop.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

/** Each stage against its definition, written down with full sorts. */
class FilterTest {

  /** Logits with ties, zeros of both signs and tokens that are ruled out. */
  @Provide
  Arbitrary<float[]> logits() {
    Arbitrary<Float> smooth = Arbitraries.floats().between(-20, 20);
    Arbitrary<Float> coarse = Arbitraries.integers().between(-3, 3).map(i -> i * 0.5f);
    Arbitrary<Float> special = Arbitraries.of(0f, -0f, Float.NEGATIVE_INFINITY);
    return Arbitraries.frequencyOf(Tuple.of(6, smooth), Tuple.of(6, coarse), Tuple.of(1, special))
        .array(float[].class)
        .ofMinSize(1)
        .ofMaxSize(300)
        .map(FilterTest::withFiniteFirst);
  }

  private static float[] withFiniteFirst(float[] logits) {
    if (logits[0] == Float.NEGATIVE_INFINITY) {
      logits[0] = 1;
    }
    return logits;
  }

  @Property(tries = 300)
  void topKIsTheHeadOfTheSortedTokens(
      @ForAll("logits") float[] logits, @ForAll @IntRange(min = 1, max = 320) int k) {
    Candidates candidates = new Candidates(Math.min(k, logits.length));
    new TopK(k, logits.length).select(logits, candidates);
    List<Integer> expected = byLogit(logits).subList(0, Math.min(k, logits.length));
    if (k >= logits.length) {
      assertThat(ids(candidates)).containsExactlyInAnyOrderElementsOf(expected);
    } else {
      assertThat(ids(candidates)).isEqualTo(expected);
    }
    for (int i = 0; i < candidates.size(); i++) {
      assertThat(candidates.logit(i)).isEqualTo(logits[candidates.id(i)]);
    }
  }

  @Property(tries = 300)
  void topPIsTheShortestHeadWithThatMass(
      @ForAll("logits") float[] logits, @ForAll @DoubleRange(min = 0.01, max = 0.99) double mass) {
    double[] p = softmax(logits);
    assertThat(idsAfter(new TopP(mass), logits)).isEqualTo(head(byLogit(logits), p, mass));
  }

  @Property(tries = 300)
  void typicalIsTheShortestListNearestToTheEntropy(
      @ForAll("logits") float[] logits, @ForAll @DoubleRange(min = 0.01, max = 0.99) double mass) {
    double[] p = softmax(logits);
    double entropy = Arrays.stream(p).filter(x -> x > 0).map(x -> -x * StrictMath.log(x)).sum();
    List<Integer> order =
        sorted(p.length, id -> (float) Math.abs(-StrictMath.log(p[id]) - entropy));
    Set<Integer> kept = idsAfter(new Typical(mass), logits);
    // The entropy is summed in another order here; a tie within its last bits may fall otherwise.
    Set<Integer> expected = head(order, p, mass);
    if (!kept.equals(expected)) {
      assertThat(kept.stream().mapToDouble(id -> p[id]).sum()).isGreaterThan(mass - 1e-9);
      double worst = kept.stream().mapToDouble(id -> distance(p[id], entropy)).max().orElseThrow();
      for (int id = 0; id < p.length; id++) {
        if (!kept.contains(id)) {
          assertThat(distance(p[id], entropy)).isGreaterThan(worst - 1e-5);
        }
      }
    }
  }

  private static double distance(double p, double entropy) {
    return Math.abs(-StrictMath.log(p) - entropy);
  }

  @Property(tries = 300)
  void minPIsRelativeToTheLikeliest(
      @ForAll("logits") float[] logits, @ForAll @DoubleRange(min = 0.01, max = 1) double ratio) {
    double[] p = softmax(logits);
    double max = Arrays.stream(p).max().orElseThrow();
    Set<Integer> kept = idsAfter(new MinP(ratio), logits);
    for (int id = 0; id < p.length; id++) {
      if (p[id] > max * ratio * (1 + 1e-9)) {
        assertThat(kept).contains(id);
      } else if (p[id] < max * ratio * (1 - 1e-9)) {
        assertThat(kept).doesNotContain(id);
      }
    }
    assertThat(kept).contains(byLogit(logits).getFirst());
  }

  @Property(tries = 200)
  void filtersKeepTheOrder(@ForAll("logits") float[] logits) {
    for (CandidateFilter filter : List.of(new Typical(0.7), new TopP(0.7), new MinP(0.3))) {
      Candidates candidates = new Candidates(logits.length);
      new TopK(logits.length, logits.length).select(logits, candidates);
      filter.apply(candidates);
      assertThat(ids(candidates)).isSorted().isNotEmpty();
    }
  }

  @Property(tries = 200)
  void softmaxIsADistribution(
      @ForAll("logits") float[] logits, @ForAll @DoubleRange(min = 0.05, max = 5) double t) {
    Candidates candidates = new Candidates(logits.length);
    new TopK(logits.length, logits.length).select(logits, candidates);
    candidates.softmax(t);
    double sum = 0;
    for (int i = 0; i < candidates.size(); i++) {
      double p = candidates.probability(i);
      sum += p;
      // Ratios say nothing where a probability is subnormal.
      if (p > 1e-290 && candidates.probability(0) > 1e-290) {
        double expected = Math.exp((logits[i] - (double) logits[0]) / t);
        assertThat(p / candidates.probability(0))
            .isBetween(expected * (1 - 1e-9), expected * (1 + 1e-9));
      }
    }
    assertThat(sum).isBetween(1 - 1e-9, 1 + 1e-9);
  }

  @Example
  void ranksOrderFloatsAsNumbersAndTiesByLowerIndex() {
    float[] ascending = {
      Float.NEGATIVE_INFINITY, -Float.MAX_VALUE, -1, -Float.MIN_VALUE, 0, Float.MIN_VALUE, 1e30f
    };
    for (int i = 1; i < ascending.length; i++) {
      assertThat(Rank.key(ascending[i], 9)).isGreaterThan(Rank.key(ascending[i - 1], 0));
    }
    assertThat(Rank.key(-0f, 3)).isEqualTo(Rank.key(0f, 3));
    assertThat(Rank.key(-2, 3)).isGreaterThan(Rank.key(-2, 4));
    assertThat(Rank.index(Rank.key(-2, 131_071))).isEqualTo(131_071);
    assertThat(Rank.index(Rank.key(2, 0))).isZero();
  }

  private static Set<Integer> idsAfter(CandidateFilter filter, float[] logits) {
    Candidates candidates = new Candidates(logits.length);
    new TopK(logits.length, logits.length).select(logits, candidates);
    filter.apply(candidates);
    return new HashSet<>(ids(candidates));
  }

  private static List<Integer> ids(Candidates candidates) {
    return IntStream.range(0, candidates.size()).mapToObj(candidates::id).toList();
  }

  private static List<Integer> byLogit(float[] logits) {
    return sorted(logits.length, id -> -(logits[id] + 0.0));
  }

  private static List<Integer> sorted(int count, ToDoubleFunction<Integer> key) {
    List<Integer> ids = new ArrayList<>(IntStream.range(0, count).boxed().toList());
    ids.sort(Comparator.comparingDouble(key)); // stable: lower ids first among equals
    return ids;
  }

  private static Set<Integer> head(List<Integer> order, double[] p, double mass) {
    Set<Integer> head = new HashSet<>();
    double sum = 0;
    for (int id : order) {
      head.add(id);
      sum += p[id];
      if (sum >= mass) {
        break;
      }
    }
    return head;
  }

  private static double[] softmax(float[] logits) {
    double max = logits[byLogit(logits).getFirst()];
    double[] p = new double[logits.length];
    double sum = 0;
    for (int i = 0; i < p.length; i++) {
      p[i] = StrictMath.exp(logits[i] - max);
      sum += p[i];
    }
    for (int i = 0; i < p.length; i++) {
      p[i] /= sum;
    }
    return p;
  }
}
