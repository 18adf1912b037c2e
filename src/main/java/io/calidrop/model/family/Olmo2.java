package io.calidrop.model.family;

import io.calidrop.model.family.Architecture.HeadNorms;
import io.calidrop.model.family.Architecture.Pairing;
import io.calidrop.model.family.Architecture.Presence;

/** OLMo 2 (arXiv 2501.00656) and OLMo 3, whose layers but every fourth see a window. */
final class Olmo2 {
  static final Architecture ARCHITECTURE =
      Architecture.named("olmo2")
          .pairing(Pairing.HALVES)
          .norms(false, true)
          .headNorms(HeadNorms.TOGETHER)
          .output(Presence.ALWAYS)
          .windowEvery(4)
          .build();

  private Olmo2() {}
}
