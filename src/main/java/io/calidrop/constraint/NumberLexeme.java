package io.calidrop.constraint;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Numbers within bounds, digit by digit: without leading zeros and minus zero, and of a bounded
 * number of digits, so that none goes on for ever. Only where nothing bounds a number it may have
 * an exponent.
 */
final class NumberLexeme {
  private static final int WHOLE_DIGITS = 18; // fit into 64 bits
  private static final int EXACT_DIGITS = 15; // are the same number again when read as a double
  private static final int MOST_DIGITS = 100; // of a bound
  private static final int MOST_FACTOR = 1000;
  private static final String WHAT = "a number with its bounds";

  private final Dfa.Builder out = new Dfa.Builder(WHAT);
  private final int most; // digits
  private final int fractionDigits;
  private final int factor; // what the digits are a multiple of
  private final int scale; // digits after the point that count for it
  private final boolean exponent;
  private int exponentState = -1;

  /**
   * What numbers there may be.
   *
   * @param whole whether without a fraction
   * @param low the least, or null
   * @param aboveLow whether the least is none of them
   * @param high the greatest, or null
   * @param belowHigh whether the greatest is none of them
   * @param multipleOf what all are a multiple of, more than 0, or null
   */
  record Bounds(
      boolean whole,
      BigDecimal low,
      boolean aboveLow,
      BigDecimal high,
      boolean belowHigh,
      BigDecimal multipleOf) {}

  private NumberLexeme(Bounds bounds) {
    int needed = bounds.whole() && bounds.multipleOf() == null ? WHOLE_DIGITS : EXACT_DIGITS;
    int fraction = bounds.whole() ? 0 : EXACT_DIGITS;
    for (BigDecimal bound : new BigDecimal[] {bounds.low(), bounds.high()}) {
      if (bound != null) {
        int before = Math.max(1, bound.precision() - bound.scale());
        needed = Math.max(needed, before + Math.max(0, bound.scale()));
        fraction = bounds.whole() ? 0 : Math.max(fraction, bound.scale());
      }
    }
    if (bounds.multipleOf() == null) {
      factor = 1;
      scale = 0;
    } else {
      BigDecimal step = bounds.multipleOf().stripTrailingZeros();
      scale = Math.max(0, step.scale());
      if (step.unscaledValue().bitLength() > 31
          || step.movePointRight(scale).compareTo(BigDecimal.valueOf(MOST_FACTOR)) > 0
          || scale > MOST_DIGITS) {
        throw new IllegalArgumentException(
            "multipleOf of more than %d, or of so many digits, is not supported"
                .formatted(MOST_FACTOR));
      }
      factor = step.movePointRight(scale).intValueExact();
      fraction = Math.min(fraction, scale);
    }
    if (needed > MOST_DIGITS) {
      throw new IllegalArgumentException(
          "a bound of more than %d digits is not supported".formatted(MOST_DIGITS));
    }
    most = needed;
    fractionDigits = fraction;
    exponent =
        !bounds.whole()
            && bounds.low() == null
            && bounds.high() == null
            && bounds.multipleOf() == null;
  }

  /** The numbers; empty where there is none. */
  static Dfa of(Bounds bounds) {
    return new NumberLexeme(bounds).build(bounds);
  }

  private Dfa build(Bounds bounds) {
    int start = out.state();
    BigDecimal low = bounds.low();
    BigDecimal high = bounds.high();
    if (exponent) {
      exponent();
    }
    if (high == null || high.signum() >= 0) {
      boolean fromLow = low != null && low.signum() >= 0;
      add(
          start,
          new Interval(
              Bound.of(fromLow ? low : BigDecimal.ZERO),
              fromLow && bounds.aboveLow(),
              Bound.of(high),
              bounds.belowHigh()));
    }
    if (low == null || low.signum() < 0) {
      boolean fromHigh = high != null && high.signum() < 0;
      int minus = out.state();
      out.edge(start, '-', '-', minus);
      add(
          minus,
          new Interval(
              Bound.of(fromHigh ? high.negate() : BigDecimal.ZERO),
              !fromHigh || bounds.belowHigh(),
              Bound.of(low == null ? null : low.negate()),
              bounds.aboveLow()));
    }
    return out.build();
  }

  private void exponent() {
    exponentState = out.state();
    int signed = out.state();
    int one = out.state();
    int two = out.state();
    out.edge(exponentState, '+', '+', signed);
    out.edge(exponentState, '-', '-', signed);
    out.edge(exponentState, '0', '9', one);
    out.edge(signed, '0', '9', one);
    out.edge(one, '0', '9', two);
    out.accept(one);
    out.accept(two);
  }

  /** The digits of a bound, before and after the point. */
  private record Bound(String whole, String fraction) {
    static Bound of(BigDecimal value) {
      if (value == null) {
        return null;
      }
      BigInteger whole = value.toBigInteger();
      String plain = value.subtract(new BigDecimal(whole)).stripTrailingZeros().toPlainString();
      int point = plain.indexOf('.');
      return new Bound(whole.toString(), point < 0 ? "" : plain.substring(point + 1));
    }
  }

  /** Numbers from zero on between two bounds; the upper one may be null. */
  private record Interval(Bound low, boolean aboveLow, Bound high, boolean belowHigh) {}

  /**
   * Digits so far.
   *
   * @param whole how many before the point
   * @param fraction how many after it, -1 before the point, 0 right after it
   * @param zero whether the first is 0, so that no other follows before the point
   * @param low how they compare with the lower bound's first digits
   * @param high how they compare with the upper bound's
   */
  private record Digits(int whole, int fraction, boolean zero, int low, int high, int remainder) {}

  private void add(int from, Interval interval) {
    Map<Digits, Integer> numbers = new HashMap<>();
    List<Digits> all = new ArrayList<>();
    Digits none = new Digits(0, -1, false, 0, 0, 0);
    numbers.put(none, from);
    all.add(none);
    for (int i = 0; i < all.size(); i++) {
      Digits digits = all.get(i);
      int state = numbers.get(digits);
      for (int d = 0; d <= 9; d++) {
        Digits next = append(digits, d, interval);
        if (next != null) {
          out.edge(state, '0' + d, '0' + d, number(next, numbers, all));
        }
      }
      if (digits.whole > 0 && digits.fraction < 0 && fractionDigits > 0) {
        Digits point =
            new Digits(
                digits.whole,
                0,
                false,
                decided(digits, digits.low, interval.low),
                decided(digits, digits.high, interval.high),
                digits.remainder);
        out.edge(state, '.', '.', number(point, numbers, all));
      }
      if (digits.whole > 0 && digits.fraction < 0 || digits.fraction > 0) {
        if (fits(digits, interval)) {
          out.accept(state);
        }
        if (exponent) {
          out.edge(state, 'E', 'E', exponentState);
          out.edge(state, 'e', 'e', exponentState);
        }
      }
    }
  }

  private int number(Digits digits, Map<Digits, Integer> numbers, List<Digits> all) {
    return numbers.computeIfAbsent(
        digits,
        key -> {
          all.add(key);
          return out.state();
        });
  }

  private Digits append(Digits digits, int d, Interval interval) {
    int remainder = (digits.remainder * 10 + d) % factor;
    if (digits.fraction >= 0) {
      return digits.fraction == fractionDigits || digits.whole + digits.fraction == most
          ? null
          : new Digits(
              digits.whole,
              digits.fraction + 1,
              false,
              compared(digits.low, d, interval.low.fraction, digits.fraction, '0'),
              interval.high == null
                  ? -1
                  : compared(digits.high, d, interval.high.fraction, digits.fraction, '0'),
              remainder);
    }
    if (digits.zero || digits.whole == most) {
      return null;
    }
    return new Digits(
        digits.whole + 1,
        -1,
        digits.whole == 0 && d == 0,
        compared(digits.low, d, interval.low.whole, digits.whole, ' '),
        interval.high == null
            ? -1
            : compared(digits.high, d, interval.high.whole, digits.whole, ' '),
        remainder);
  }

  /** How digits compare with a bound's, with one more; beyond the bound's there are fillers. */
  private static int compared(int sofar, int d, String bound, int index, char filler) {
    if (sofar != 0) {
      return sofar;
    }
    return Integer.signum('0' + d - (index < bound.length() ? bound.charAt(index) : filler));
  }

  /** How a whole number compares with a bound's, now that all of its digits are known. */
  private static int decided(Digits digits, int sofar, Bound bound) {
    if (bound == null || digits.fraction >= 0) {
      return sofar;
    }
    int longer = Integer.compare(digits.whole, bound.whole.length());
    return longer != 0 ? longer : sofar;
  }

  private boolean fits(Digits digits, Interval interval) {
    int low = ended(digits, decided(digits, digits.low, interval.low), interval.low);
    if (low < 0 || low == 0 && interval.aboveLow) {
      return false;
    }
    if (interval.high != null) {
      int high = ended(digits, decided(digits, digits.high, interval.high), interval.high);
      if (high > 0 || high == 0 && interval.belowHigh) {
        return false;
      }
    }
    int remainder = digits.remainder;
    for (int i = Math.max(0, digits.fraction); i < scale; i++) {
      remainder = remainder * 10 % factor;
    }
    return remainder == 0;
  }

  /** Of two that are equal so far, the bound is the greater where it has more digits. */
  private static int ended(Digits digits, int sofar, Bound bound) {
    return sofar == 0 && Math.max(0, digits.fraction) < bound.fraction.length() ? -1 : sofar;
  }
}
