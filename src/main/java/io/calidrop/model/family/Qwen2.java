package io.calidrop.model.family;

import io.calidrop.model.family.Architecture.Pairing;
import io.calidrop.model.family.Architecture.Presence;

/** Qwen 2 and 2.5 (arXiv 2407.10671). */
final class Qwen2 {
  static final Architecture ARCHITECTURE =
      Architecture.named("qwen2").pairing(Pairing.HALVES).attentionBiases(Presence.ALWAYS).build();

  private Qwen2() {}
}
