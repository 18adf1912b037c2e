package io.calidrop.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WilsonTest {
  /** Values of Newcombe (1998), table I, method 3. */
  @ParameterizedTest
  @CsvSource({
    "81, 263, .2553, .3662",
    "15, 148, .0624, .1605",
    "0, 20, 0, .1611",
    "1, 29, .0061, .1718"
  })
  void isThatOfTheLiterature(int successes, int n, double low, double high) {
    Wilson interval = Wilson.of(successes, n);
    assertThat(interval.low()).isCloseTo(low, within(5e-5));
    assertThat(interval.high()).isCloseTo(high, within(5e-5));
    Wilson mirrored = Wilson.of(n - successes, n);
    assertThat(mirrored.low()).isCloseTo(1 - interval.high(), within(1e-12));
  }
}
