package io.calidrop.model.family;

/** Granite 3, with factors of its own everywhere. */
final class Granite {
  static final Architecture ARCHITECTURE =
      Architecture.named("granite")
          .key("embedding_scale", 1)
          .key("residual_scale", 1)
          .key("attention.scale", 0)
          .key("logit_scale", 1)
          .build();

  private Granite() {}
}
