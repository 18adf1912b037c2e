package io.calidrop.model.family;

/** SmolLM3, whose every fourth layer knows no positions (arXiv 2501.18795). */
final class SmolLm3 {
  static final Architecture ARCHITECTURE = Architecture.named("smollm3").unrotatedEvery(4).build();

  private SmolLm3() {}
}
