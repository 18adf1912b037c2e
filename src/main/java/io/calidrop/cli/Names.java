package io.calidrop.cli;

import io.calidrop.attention.KvType;
import io.calidrop.attention.policy.EvictionPolicies;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;

/** Values of options as they are typed, for help and for the shell's completion. */
abstract class Names implements Iterable<String> {
  private final List<String> names;

  private Names(List<String> names) {
    this.names = names;
  }

  @Override
  public Iterator<String> iterator() {
    return names.iterator();
  }

  static final class KvTypes extends Names {
    KvTypes() {
      super(
          Arrays.stream(KvType.values())
              .map(type -> type.name().toLowerCase(Locale.ROOT))
              .toList());
    }
  }

  static final class Policies extends Names {
    Policies() {
      super(EvictionPolicies.names());
    }
  }
}
