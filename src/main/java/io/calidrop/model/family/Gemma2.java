package io.calidrop.model.family;

import io.calidrop.model.family.Architecture.Activation;
import io.calidrop.model.family.Architecture.Pairing;

/** Gemma 2 (arXiv 2408.00118). */
final class Gemma2 {
  static final Architecture ARCHITECTURE =
      Architecture.named("gemma2")
          .pairing(Pairing.HALVES)
          .norms(true, true)
          .activation(Activation.GELU)
          .embeddingTimesRoot()
          .windowEvery(2)
          .wideScaleLayers(46)
          .key("attention.sliding_window", 4096)
          .key("attn_logit_softcapping", 50)
          .key("final_logit_softcapping", 30)
          .build();

  private Gemma2() {}
}
