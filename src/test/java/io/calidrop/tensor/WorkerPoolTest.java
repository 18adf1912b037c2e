package io.calidrop.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerPoolTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void runsEveryPartOnceInEveryDispatch(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      for (int round = 0; round < 20_000; round++) {
        int parts = 1 + round % 37;
        AtomicIntegerArray runs = new AtomicIntegerArray(parts);
        pool.run(
            (part, worker) -> {
              assertThat(worker).isBetween(0, threads - 1);
              runs.incrementAndGet(part);
            },
            parts);
        for (int part = 0; part < parts; part++) {
          assertThat(runs.get(part)).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void wakesParkedWorkers() throws InterruptedException {
    try (WorkerPool pool = new WorkerPool(3)) {
      for (int round = 0; round < 20; round++) {
        AtomicIntegerArray runs = new AtomicIntegerArray(64);
        pool.run((part, worker) -> runs.incrementAndGet(part), 64);
        assertThat(runs.toString()).doesNotContain("0").doesNotContain("2");
        Thread.sleep(5); // longer than workers spin
      }
    }
  }

  @Test
  void passesOnWhatAPartThrowsAndStaysUsable() {
    try (WorkerPool pool = new WorkerPool(2)) {
      for (int round = 0; round < 100; round++) {
        assertThatThrownBy(
                () ->
                    pool.run(
                        (part, worker) -> {
                          if (part == 5) {
                            throw new IllegalStateException("part 5");
                          }
                        },
                        16))
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("part 5");
        AtomicIntegerArray runs = new AtomicIntegerArray(16);
        pool.run((part, worker) -> runs.incrementAndGet(part), 16);
        assertThat(runs.toString()).doesNotContain("0");
      }
    }
  }

  @Test
  void refusesToHaveNoThread() {
    assertThatThrownBy(() -> new WorkerPool(0)).isInstanceOf(IllegalArgumentException.class);
  }
}
