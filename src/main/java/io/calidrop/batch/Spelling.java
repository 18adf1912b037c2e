package io.calidrop.batch;

import io.calidrop.text.Nearest;
import java.util.Collection;

/** Names that there are not. */
final class Spelling {
  private Spelling() {}

  /** The error that a name is which there is not; it names the nearest there is. */
  static IllegalArgumentException unknown(String what, String name, Collection<String> known) {
    String meant = Nearest.of(name, known).map("; is it \"%s\"?"::formatted).orElse("");
    return new IllegalArgumentException(
        "unknown %s %s%s".formatted(what, Values.shown(name), meant));
  }
}
