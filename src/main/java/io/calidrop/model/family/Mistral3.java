package io.calidrop.model.family;

import io.calidrop.model.family.Architecture.Presence;

/** Ministral 3, whose attention is sharpened with the position. */
final class Mistral3 {
  static final Architecture ARCHITECTURE =
      Architecture.named("mistral3")
          .outputBias(Presence.OPTIONAL)
          .experts(Presence.OPTIONAL)
          .key("attention.temperature_scale", 0)
          .build();

  private Mistral3() {}
}
