package io.calidrop.model.family;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The parts of a family of transformers. Begin with {@link #named}, which describes Llama (arXiv
 * 2302.13971), and say what is different. Immutable.
 *
 * @param name value of {@code general.architecture} and prefix of the family's metadata keys
 * @param pairing which dimensions of a head are rotated together
 * @param inputNorms whether attention and feed-forward read a normalised residual
 * @param outputNorms whether what attention and feed-forward give is normalised before it is added
 * @param headNorms how queries and keys are normalised before they are rotated
 * @param output whether there is an output matrix beside the token embedding
 * @param attentionBiases whether queries, keys and values have biases
 * @param outputBias whether the attention output has a bias
 * @param fused whether a file holds queries, keys and values in one matrix, and gate and up in one
 * @param experts whether the feed-forward layer may be a mixture of experts
 * @param activation of the gate
 * @param embeddingTimesRoot whether embeddings are multiplied by the root of the model's width
 * @param unrotatedEvery every so many layers the last has no rotation; 0 for never
 * @param windowEvery every so many layers all but the last see a window only; 0 for never
 * @param wideScaleLayers number of layers of the member of the family whose attention is scaled by
 *     the root of width / heads and not of the head's dimensions; 0 for none
 * @param keys metadata keys that only some families have, with the value where a file has none, 0
 *     for nothing; a key that is not here is not read
 */
public record Architecture(
    String name,
    Pairing pairing,
    boolean inputNorms,
    boolean outputNorms,
    HeadNorms headNorms,
    Presence output,
    Presence attentionBiases,
    Presence outputBias,
    boolean fused,
    Presence experts,
    Activation activation,
    boolean embeddingTimesRoot,
    int unrotatedEvery,
    int windowEvery,
    int wideScaleLayers,
    Map<String, Float> keys) {

  public Architecture {
    if (experts != Presence.NEVER && !inputNorms) {
      throw new IllegalArgumentException("experts read a normalised residual");
    }
  }

  /** Dimensions of a head that are rotated together. */
  public enum Pairing {
    /** 2i and 2i + 1. */
    NEIGHBOURS,
    /** i and i + half of the rotated dimensions. */
    HALVES
  }

  /** Root-mean-square norms of queries and keys. */
  public enum HeadNorms {
    NONE,
    /** Each head by itself, all with the same weights. */
    EACH,
    /** All heads together. */
    TOGETHER
  }

  /** Whether a file has some part. */
  public enum Presence {
    NEVER,
    OPTIONAL,
    ALWAYS
  }

  /** What the gate goes through. */
  public enum Activation {
    /** x * sigmoid(x). */
    SILU,
    /** Gaussian error linear unit in its tanh approximation (arXiv 1606.08415). */
    GELU
  }

  /** A description that begins as Llama's. */
  static Builder named(String name) {
    return new Builder(name);
  }

  /** The value of one of {@link #keys} where a file has none, or {@code neutral}. */
  public float key(String key, float neutral) {
    return keys.getOrDefault(key, neutral);
  }

  /** The family's members with experts, where a file may have them or not. */
  public Architecture withExperts() {
    return new Architecture(
        name,
        pairing,
        inputNorms,
        outputNorms,
        headNorms,
        output,
        attentionBiases,
        outputBias,
        fused,
        Presence.ALWAYS,
        activation,
        embeddingTimesRoot,
        unrotatedEvery,
        windowEvery,
        wideScaleLayers,
        keys);
  }

  /** Collects what is different from Llama. */
  static final class Builder {
    private final String name;
    private final Map<String, Float> keys = new LinkedHashMap<>();
    private Pairing pairing = Pairing.NEIGHBOURS;
    private boolean inputNorms = true;
    private boolean outputNorms;
    private HeadNorms headNorms = HeadNorms.NONE;
    private Presence output = Presence.OPTIONAL;
    private Presence attentionBiases = Presence.NEVER;
    private Presence outputBias = Presence.NEVER;
    private boolean fused;
    private Presence experts = Presence.NEVER;
    private Activation activation = Activation.SILU;
    private boolean embeddingTimesRoot;
    private int unrotatedEvery;
    private int windowEvery;
    private int wideScaleLayers;

    private Builder(String name) {
      this.name = name;
    }

    Builder pairing(Pairing pairing) {
      this.pairing = pairing;
      return this;
    }

    Builder norms(boolean input, boolean output) {
      inputNorms = input;
      outputNorms = output;
      return this;
    }

    Builder headNorms(HeadNorms headNorms) {
      this.headNorms = headNorms;
      return this;
    }

    Builder output(Presence presence) {
      output = presence;
      return this;
    }

    Builder attentionBiases(Presence presence) {
      attentionBiases = presence;
      return this;
    }

    Builder outputBias(Presence presence) {
      outputBias = presence;
      return this;
    }

    Builder fused() {
      fused = true;
      return this;
    }

    Builder experts(Presence presence) {
      experts = presence;
      return this;
    }

    Builder activation(Activation activation) {
      this.activation = activation;
      return this;
    }

    Builder embeddingTimesRoot() {
      embeddingTimesRoot = true;
      return this;
    }

    Builder unrotatedEvery(int layers) {
      unrotatedEvery = layers;
      return this;
    }

    Builder windowEvery(int layers) {
      windowEvery = layers;
      return this;
    }

    Builder wideScaleLayers(int layers) {
      wideScaleLayers = layers;
      return this;
    }

    Builder key(String key, float defaultValue) {
      keys.put(key, defaultValue);
      return this;
    }

    Architecture build() {
      return new Architecture(
          name,
          pairing,
          inputNorms,
          outputNorms,
          headNorms,
          output,
          attentionBiases,
          outputBias,
          fused,
          experts,
          activation,
          embeddingTimesRoot,
          unrotatedEvery,
          windowEvery,
          wideScaleLayers,
          Map.copyOf(keys));
    }
  }
}
