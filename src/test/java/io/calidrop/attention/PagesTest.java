package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PagesTest {
  private final Pages<int[]> pages = new Pages<>(int[]::new, 2);

  @Test
  void pagesOfOneAllocationLieTogether() {
    pages.add(1);
    pages.add(3);
    assertThat(pages.array(3)).isSameAs(pages.array(1)).isNotSameAs(pages.array(0)).hasSize(6);
    assertThat(pages.offset(3)).isEqualTo(4);
  }

  @Test
  void keptPagesHoldNoMemoryOfFreedOnes() {
    pages.add(1);
    pages.add(3);
    number(4);
    pages.rotate(); // 1 2 3 0
    pages.rotate(); // 2 3 0 1: the last lies with the first two
    pages.keep(3);
    assertThat(pages.array(0)).isSameAs(pages.array(1)).hasSize(4);
    assertThat(pages.array(2)).hasSize(2);
    for (int page = 0; page < 3; page++) {
      assertThat(pages.array(page)[pages.offset(page) + 1]).isEqualTo((page + 2) % 4);
    }
  }

  @Test
  void allCanBeFreed() {
    pages.add(2);
    pages.keep(0);
    pages.add(1);
    assertThat(pages.array(0)).hasSize(2);
  }

  private void number(int count) {
    for (int page = 0; page < count; page++) {
      pages.array(page)[pages.offset(page) + 1] = page;
    }
  }
}
