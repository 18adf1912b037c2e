package io.calidrop.constraint;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Characters.
 *
 * @param ranges first and last of each, in order and apart
 */
record CharacterSet(int[] ranges) {

  /** First and last of each range, in order. */
  static CharacterSet of(int... ranges) {
    return new CharacterSet(ranges);
  }

  CharacterSet complement() {
    List<Integer> out = new ArrayList<>();
    int next = 0;
    for (int i = 0; i < ranges.length; i += 2) {
      if (ranges[i] > next) {
        out.addAll(List.of(next, ranges[i] - 1));
      }
      next = ranges[i + 1] + 1;
    }
    if (next <= Character.MAX_CODE_POINT) {
      out.addAll(List.of(next, Character.MAX_CODE_POINT));
    }
    return new CharacterSet(out.stream().mapToInt(Integer::intValue).toArray());
  }

  CharacterSet or(CharacterSet other) {
    List<int[]> all = new ArrayList<>();
    for (int[] from : List.of(ranges, other.ranges)) {
      IntStream.range(0, from.length / 2)
          .forEach(i -> all.add(new int[] {from[2 * i], from[2 * i + 1]}));
    }
    all.sort((a, b) -> Integer.compare(a[0], b[0]));
    List<int[]> joined = new ArrayList<>();
    for (int[] range : all) {
      if (!joined.isEmpty() && range[0] <= joined.getLast()[1] + 1) {
        joined.getLast()[1] = Math.max(joined.getLast()[1], range[1]);
      } else {
        joined.add(range);
      }
    }
    return new CharacterSet(joined.stream().flatMapToInt(IntStream::of).toArray());
  }

  boolean isOne() {
    return ranges.length == 2 && ranges[0] == ranges[1];
  }

  int first() {
    return ranges[0];
  }
}
