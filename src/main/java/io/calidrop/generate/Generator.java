package io.calidrop.generate;

import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.tokenizer.Tokenizer;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Continues one prompt at a time. */
final class Generator {
  private final Transformer model;
  private final Tokenizer tokenizer;
  private final Speculator speculator;
  private final SamplerOptions recommended;

  /**
   * @param recommended how tokens are chosen where options leave it open
   */
  Generator(
      Transformer model, Tokenizer tokenizer, Speculator speculator, SamplerOptions recommended) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.speculator = speculator;
    this.recommended = recommended;
  }

  /**
   * Continues a prompt.
   *
   * @param session holds the keys and values of the prompt's first {@code session.position()}
   *     tokens
   * @param prompt holds all tokens of the prompt in {@code [0, length)}, at least one of them not
   *     yet in the session
   * @param onText is given the text piece by piece, each a whole number of characters
   * @param interrupted asked before each token; true ends the generation
   * @throws IllegalArgumentException if the prompt does not fit into the session's context
   */
  GenerationResult generate(
      InferenceSession session,
      int[] prompt,
      int length,
      GenerationOptions options,
      Consumer<String> onText,
      BooleanSupplier interrupted) {
    GenerationBatch batch = new GenerationBatch(model, tokenizer, speculator, recommended);
    AtomicReference<GenerationResult> result = new AtomicReference<>();
    batch.add(session, prompt, length, options, onText, interrupted, result::set);
    while (result.get() == null) {
      batch.step();
    }
    return result.get();
  }

  /** Computes {@code prompt[session.position(), length)} without going on from there. */
  void read(InferenceSession session, int[] prompt, int length) {
    int from = session.position();
    session.expectPrompt(length - from);
    model.forward(session, prompt, from, length, false);
  }
}
