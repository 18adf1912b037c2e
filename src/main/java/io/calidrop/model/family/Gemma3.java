package io.calidrop.model.family;

import io.calidrop.model.family.Architecture.Activation;
import io.calidrop.model.family.Architecture.HeadNorms;
import io.calidrop.model.family.Architecture.Pairing;

/** Gemma 3 (arXiv 2503.19786). */
final class Gemma3 {
  static final Architecture ARCHITECTURE =
      Architecture.named("gemma3")
          .pairing(Pairing.HALVES)
          .norms(true, true)
          .headNorms(HeadNorms.EACH)
          .activation(Activation.GELU)
          .embeddingTimesRoot()
          .windowEvery(6)
          .wideScaleLayers(62)
          .key("rope.freq_base_swa", 10_000)
          .key("final_logit_softcapping", 0)
          .build();

  private Gemma3() {}
}
