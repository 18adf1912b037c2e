package io.calidrop.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerChainTest {
  /** Nothing but the temperature and the draw. */
  private static final SamplerOptions PLAIN =
      SamplerOptions.defaults()
          .withTemperature(1)
          .withTopK(0)
          .withTopP(1)
          .withMinP(0)
          .withRepeatPenalty(1);

  @Test
  void greedyTakesTheFirstOfTheGreatest() {
    Sampler sampler = new SamplerChain(SamplerOptions.greedy(), 5);
    assertThat(sampler.sample(new float[] {-3, 2, 1, 2, -9})).isEqualTo(1);
    assertThat(sampler.sample(new float[] {-3, -4, -5, -6, -2})).isEqualTo(4);
    assertThat(sampler.sample(new float[] {0, -0f, 0, 0, 0})).isZero();
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.5, 1, 1.7})
  void drawsFollowTheSoftmaxAtTheTemperature(double temperature) {
    float[] logits = {1.5f, -0.5f, 0, 2, 0.7f, 1, -1, 0.2f};
    double[] p = new double[logits.length];
    for (int i = 0; i < p.length; i++) {
      p[i] = Math.exp(logits[i] / temperature);
    }
    double sum = Arrays.stream(p).sum();
    int draws = 40_000;
    Sampler sampler = new SamplerChain(PLAIN.withTemperature(temperature).withSeed(11), p.length);
    int[] counts = new int[p.length];
    for (int i = 0; i < draws; i++) {
      counts[sampler.sample(logits.clone())]++;
    }
    double chiSquare = 0;
    for (int i = 0; i < p.length; i++) {
      double expected = draws * p[i] / sum;
      chiSquare += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    // The 99.9 % quantile of chi square with 7 degrees of freedom.
    assertThat(chiSquare).isLessThan(24.32);
  }

  @Test
  void theDrawOfASeedIsFixed() {
    Sampler sampler = new SamplerChain(PLAIN.withSeed(42), 1000);
    int[] drawn = IntStream.range(0, 8).map(i -> sampler.sample(new float[1000])).toArray();
    // Pinned: a seed that a user noted must give the same text on every JDK and machine.
    assertThat(drawn).containsExactly(696, 670, 707, 815, 531, 110, 539, 895);
  }

  @Test
  void aSeedRepeatsAndAnotherDiffers() {
    int[] first = run(SamplerOptions.defaults().withSeed(7));
    assertThat(run(SamplerOptions.defaults().withSeed(7))).isEqualTo(first);
    assertThat(run(SamplerOptions.defaults().withSeed(8))).isNotEqualTo(first);
  }

  private static int[] run(SamplerOptions options) {
    Sampler sampler = new SamplerChain(options, 500);
    Random logits = new Random(3);
    int[] tokens = new int[200];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = sampler.sample(random(logits, 500));
      sampler.accept(tokens[i]);
    }
    return tokens;
  }

  @Test
  void stagesNarrowOneAfterTheOther() {
    float[] logits = {4, 3.9f, 3.8f, 3.7f, 0, 0, 0, 0, 0, -1};
    SamplerOptions base = PLAIN.withTemperature(100); // nearly uniform over what is left
    assertThat(reached(base, logits)).isEqualTo(10);
    assertThat(reached(base.withTopK(7), logits)).isEqualTo(7);
    assertThat(reached(base.withTopK(7).withTopP(0.9), logits)).isEqualTo(4);
    assertThat(reached(base.withTopK(3).withTopP(0.99), logits)).isEqualTo(3);
    assertThat(reached(base.withMinP(0.85), logits)).isEqualTo(2);
    assertThat(reached(base.withTypicalP(0.2), logits)).isEqualTo(1);
  }

  private static long reached(SamplerOptions options, float[] logits) {
    Sampler sampler = new SamplerChain(options, logits.length);
    return IntStream.range(0, 2000).map(i -> sampler.sample(logits.clone())).distinct().count();
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void refusesWhatIsNoDistribution(float bad) {
    for (SamplerOptions options : new SamplerOptions[] {SamplerOptions.greedy(), PLAIN}) {
      for (int at : new int[] {0, 3, 9}) {
        float[] logits = new float[10];
        logits[at] = bad;
        Sampler sampler = new SamplerChain(options, 10);
        assertThatThrownBy(() -> sampler.sample(logits))
            .isInstanceOf(UndefinedLogitException.class)
            .hasMessageContaining("token " + at)
            .hasMessageContaining(String.valueOf(bad));
      }
    }
    float[] nothing = new float[10];
    Arrays.fill(nothing, Float.NEGATIVE_INFINITY);
    assertThatThrownBy(() -> new SamplerChain(PLAIN, 10).sample(nothing))
        .isInstanceOf(UndefinedLogitException.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5})
  void whatIsRuledOutIsNeverDrawn(int topK) {
    SamplerOptions options =
        SamplerOptions.defaults().withTopK(topK).withTopP(1).withMinP(0).withTypicalP(0.999);
    for (int seed = 0; seed < 200; seed++) {
      float[] logits = new float[10];
      Arrays.fill(logits, Float.NEGATIVE_INFINITY);
      logits[3] = -50;
      logits[4] = 2;
      Sampler sampler = new SamplerChain(options.withSeed(seed), 10);
      assertThat(sampler.sample(logits)).isIn(3, 4);
    }
  }

  @Test
  void refusesAnotherVocabulary() {
    Sampler sampler = new SamplerChain(PLAIN, 10);
    assertThatThrownBy(() -> sampler.sample(new float[9]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("9 logits");
    assertThatThrownBy(() -> sampler.accept(10)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new SamplerChain(PLAIN, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 40})
  void allocatesNothingPerToken(int topK) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    SamplerOptions options = SamplerOptions.defaults().withTopK(topK).withTypicalP(0.95);
    Sampler sampler = new SamplerChain(options, 2000);
    float[][] logits = new float[50][];
    Random random = new Random(1);
    Arrays.setAll(logits, i -> random(random, 2000));
    Arrays.stream(logits).forEach(l -> step(sampler, l.clone())); // loads classes, links lambdas
    long least = Long.MAX_VALUE;
    // Other work of the JVM on this thread may count once, but not in every round.
    for (int round = 0; round < 5; round++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      for (float[] l : logits) {
        step(sampler, l);
      }
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
    }
    assertThat(least).isZero();
  }

  private static void step(Sampler sampler, float[] logits) {
    sampler.accept(sampler.sample(logits));
  }

  private static float[] random(Random random, int count) {
    float[] logits = new float[count];
    for (int i = 0; i < count; i++) {
      logits[i] = (float) random.nextGaussian() * 3;
    }
    return logits;
  }
}
