package io.calidrop.generate;

import io.calidrop.model.InferenceSession;
import io.calidrop.model.LlamaModel;
import io.calidrop.sampling.Sampler;
import io.calidrop.sampling.SamplerChain;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Utf8Decoder;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** The token loop: the one place where a model, a sampler and a reader of text meet. */
public final class Generator {
  /** Tokens of a prompt between two looks at whether the user still wants it. */
  private static final int PREFILL_CHUNK = 1024;

  private final LlamaModel model;
  private final Tokenizer tokenizer;

  public Generator(LlamaModel model, Tokenizer tokenizer) {
    this.model = model;
    this.tokenizer = tokenizer;
  }

  /**
   * Continues a prompt.
   *
   * @param session holds the keys and values of the prompt's first {@code session.position()}
   *     tokens
   * @param prompt all tokens of the prompt, at least one of them not yet in the session
   * @param onText is given the text piece by piece, each a whole number of characters
   * @param interrupted asked before each token; true ends the generation
   * @throws IllegalArgumentException if the prompt does not fit into the session's context
   */
  public GenerationResult generate(
      InferenceSession session,
      int[] prompt,
      GenerationOptions options,
      Consumer<String> onText,
      BooleanSupplier interrupted) {
    Run run = new Run(TokenStream.of(model, session), tokenizer, prompt, options, onText);
    return run.run(interrupted);
  }

  /** One generation. */
  static final class Run {
    private final TokenStream stream;
    private final Tokenizer tokenizer;
    private final int[] prompt;
    private final GenerationOptions options;
    private final Consumer<String> onText;
    private final Sampler sampler;
    private final long seed;
    private final Utf8Decoder decoder = new Utf8Decoder();
    private final StopStrings stops;
    private final StringBuilder text = new StringBuilder();
    private final int[] next = new int[1];
    private int[] generated = new int[256];
    private int count;

    Run(
        TokenStream stream,
        Tokenizer tokenizer,
        int[] prompt,
        GenerationOptions options,
        Consumer<String> onText) {
      this.stream = stream;
      this.tokenizer = tokenizer;
      this.prompt = prompt;
      this.options = options;
      this.onText = onText;
      this.seed = options.sampling().seed();
      sampler = new SamplerChain(options.sampling(), tokenizer.vocabularySize());
      stops = new StopStrings(options.stop());
    }

    GenerationResult run(BooleanSupplier interrupted) {
      int reused = stream.position();
      check(reused);
      for (int token : prompt) {
        sampler.accept(token);
      }
      long start = System.nanoTime();
      float[] logits = prefill(reused, interrupted);
      long prefilled = System.nanoTime();
      if (stream.position() < prompt.length) {
        return result(StopReason.INTERRUPTED, reused, prefilled - start, 0, 0, 0);
      }
      next[0] = sampler.sample(logits);
      final long first = System.nanoTime();
      int decoded = 0;
      StopReason reason;
      while ((reason = take(next[0], interrupted)) == null) {
        logits = stream.forward(next, 0, 1);
        next[0] = sampler.sample(logits);
        decoded++;
      }
      final long end = System.nanoTime();
      if (reason != StopReason.STOP_STRING) {
        emit(stops.append(decoder.flush()));
        emit(stops.flush());
      }
      return result(reason, reused, prefilled - start, first - start, decoded, end - first);
    }

    /** The logits after the prompt, or after the part of it that an interruption left. */
    private float[] prefill(int reused, BooleanSupplier interrupted) {
      stream.expectPrompt(prompt.length - reused);
      float[] logits = null;
      int end;
      for (int from = reused; from < prompt.length; from = end) {
        end = Math.min(prompt.length, from + PREFILL_CHUNK);
        logits = stream.forward(prompt, from, end);
        if (end < prompt.length && interrupted.getAsBoolean()) {
          break;
        }
      }
      return logits;
    }

    private GenerationResult result(
        StopReason reason,
        int reused,
        long promptNanos,
        long firstTokenNanos,
        int decoded,
        long decodeNanos) {
      int computed = Math.min(prompt.length, stream.position()) - reused;
      return new GenerationResult(
          text.toString(),
          Arrays.copyOf(generated, count),
          reason,
          seed,
          new GenerationResult.Timings(
              computed, reused, promptNanos, firstTokenNanos, decoded, decodeNanos),
          stream.position(),
          stream.limit(),
          stream.cache());
    }

    private void check(int reused) {
      if (prompt.length <= reused) {
        throw new IllegalArgumentException(
            "the prompt has %d tokens and the session already holds %d: nothing to compute"
                .formatted(prompt.length, reused));
      }
      if (prompt.length > stream.limit()) {
        throw new IllegalArgumentException(
            "the prompt has %d tokens, more than the context of %d: shorten it or raise --ctx"
                .formatted(prompt.length, stream.limit()));
      }
    }

    /** Takes a sampled token into the text; the reason to stop, or null to go on with it. */
    private StopReason take(int token, BooleanSupplier interrupted) {
      if (tokenizer.endTokens().contains(token)) {
        return StopReason.END_TOKEN;
      }
      sampler.accept(token);
      if (count == generated.length) {
        generated = Arrays.copyOf(generated, 2 * count);
      }
      generated[count++] = token;
      emit(stops.append(decoder.append(tokenizer.bytes(token))));
      if (stops.found()) {
        return StopReason.STOP_STRING;
      }
      if (count == options.maxTokens()) {
        return StopReason.LENGTH;
      }
      if (stream.position() == stream.limit()) {
        return StopReason.CONTEXT_FULL;
      }
      return interrupted.getAsBoolean() ? StopReason.INTERRUPTED : null;
    }

    private void emit(String piece) {
      if (!piece.isEmpty()) {
        text.append(piece);
        onText.accept(piece);
      }
    }
  }
}
