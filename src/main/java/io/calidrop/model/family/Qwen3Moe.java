package io.calidrop.model.family;

import io.calidrop.model.family.Architecture.HeadNorms;
import io.calidrop.model.family.Architecture.Pairing;
import io.calidrop.model.family.Architecture.Presence;

/** Qwen 3 with experts (arXiv 2505.09388). */
final class Qwen3Moe {
  static final Architecture ARCHITECTURE =
      Architecture.named("qwen3moe")
          .pairing(Pairing.HALVES)
          .headNorms(HeadNorms.EACH)
          .experts(Presence.ALWAYS)
          .key("expert_feed_forward_length", 0)
          .build();

  private Qwen3Moe() {}
}
