package io.calidrop.model.family;

import io.calidrop.model.family.Architecture.HeadNorms;
import io.calidrop.model.family.Architecture.Pairing;

/** Qwen 3 (arXiv 2505.09388). */
final class Qwen3 {
  static final Architecture ARCHITECTURE =
      Architecture.named("qwen3").pairing(Pairing.HALVES).headNorms(HeadNorms.EACH).build();

  private Qwen3() {}
}
