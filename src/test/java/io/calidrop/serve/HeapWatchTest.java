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
    HeapWatch watch = new HeapWatch();
    try {
      List<byte[]> garbage = new ArrayList<>();
      for (long bytes = 0; bytes < 3 * LEAST; bytes += 1 << 20) {
        garbage.add(new byte[1 << 20]);
      }
      WeakReference<byte[]> first = new WeakReference<>(garbage.getFirst());
      garbage = null;
      long end = System.nanoTime() + Duration.ofMinutes(1).toNanos();
      while (first.get() != null && System.nanoTime() < end) {
        Thread.onSpinWait();
      }
      assertThat(first.get()).isNull();
    } finally {
      watch.close();
    }
  }
}
