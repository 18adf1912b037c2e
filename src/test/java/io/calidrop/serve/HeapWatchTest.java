package io.calidrop.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HeapWatchTest {
  private static final long LEAST = HeapWatch.LEAST;

  @Test
  void collectsWhereThereIsMoreGarbageThanLives() {
    assertThat(HeapWatch.due(LEAST, 0)).isFalse();
    assertThat(HeapWatch.due(LEAST + 1, 0)).isTrue();
    assertThat(HeapWatch.due(6 * LEAST, 3 * LEAST)).isFalse();
    assertThat(HeapWatch.due(6 * LEAST + 1, 3 * LEAST)).isTrue();
  }

  @Test
  void garbageLeavesTheHeap() {
    List<byte[]> garbage = new ArrayList<>();
    for (long bytes = 0; bytes < 3 * LEAST; bytes += 1 << 20) {
      garbage.add(new byte[1 << 20]);
    }
    WeakReference<byte[]> first = new WeakReference<>(garbage.getFirst());
    garbage = null;
    HeapWatch watch = new HeapWatch(); // which has never seen it alive
    try {
      long end = System.nanoTime() + Duration.ofMinutes(3).toNanos();
      while (!first.refersTo(null) && System.nanoTime() < end) {
        Thread.onSpinWait();
      }
      assertThat(first.refersTo(null)).isTrue();
    } finally {
      watch.close();
    }
  }
}
