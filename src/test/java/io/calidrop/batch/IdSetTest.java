package io.calidrop.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class IdSetTest {
  @Property
  void behavesAsASetOfStrings(@ForAll @Size(max = 200) List<String> ids) {
    IdSet set = new IdSet();
    Set<String> expected = new HashSet<>();
    for (String id : ids) {
      assertThat(set.contains(BatchId.of(id))).isEqualTo(expected.contains(id));
      assertThat(set.add(BatchId.of(id))).isEqualTo(expected.add(id));
    }
    assertThat(set.size()).isEqualTo(expected.size());
  }

  @Test
  void growsAndKeepsEveryId() {
    IdSet set = new IdSet();
    for (int i = 0; i < 50_000; i++) {
      assertThat(set.add(BatchId.of("id " + i))).isTrue();
    }
    for (int i = 0; i < 50_000; i++) {
      assertThat(set.add(BatchId.of("id " + i))).isFalse();
    }
    assertThat(set.contains(BatchId.of("id 50000"))).isFalse();
    assertThat(set.size()).isEqualTo(50_000);
  }
}
