package io.calidrop.model.family;

import io.calidrop.model.family.Architecture.Pairing;

/** Phi 3 and 4 (arXiv 2404.14219). */
final class Phi3 {
  static final Architecture ARCHITECTURE =
      Architecture.named("phi3").pairing(Pairing.HALVES).fused().build();

  private Phi3() {}
}
