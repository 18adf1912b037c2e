package io.calidrop.model.family;

import io.calidrop.model.family.Architecture.Presence;

/** Llama (arXiv 2302.13971), and Mixtral (arXiv 2401.04088), whose files call themselves Llama. */
final class Llama {
  static final Architecture ARCHITECTURE =
      Architecture.named("llama")
          .attentionBiases(Presence.OPTIONAL)
          .outputBias(Presence.OPTIONAL)
          .experts(Presence.OPTIONAL)
          .build();

  private Llama() {}
}
