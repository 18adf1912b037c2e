package io.calidrop.generate;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.constraint.ConstraintState;
import io.calidrop.sampling.Sampler;
import io.calidrop.sampling.SamplerChain;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Utf8Decoder;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * A generation under way, apart from the model: it says which tokens are to be computed next and
 * takes the logits after them, until it is done. The next token may be followed by drafted ones:
 * each stays if it is what is sampled in its place, from the same logits and by the same draw as
 * without a draft.
 */
final class Generation {
  private final Tokenizer tokenizer;
  private final int[] prompt;
  private final int promptLength;
  private final int reused;
  private final int limit;
  private final GenerationOptions options;
  private final TokenListener onToken; // or null
  private final Consumer<String> onText;
  private final BooleanSupplier interrupted;
  private final Sampler sampler;
  private final ConstraintState constraint; // or null
  private final Utf8Decoder decoder = new Utf8Decoder();
  private final StopStrings stops;
  private final StringBuilder text = new StringBuilder();
  private final Drafter drafter; // or null
  private final int[] draft = new int[Speculation.MOST];
  private final double[] chances = new double[Speculation.MOST]; // of a draft up to each token
  private final int[] next = new int[1 + Speculation.MOST]; // a token, and a draft
  private int drafted; // tokens of the draft
  private int draftedTokens; // that were computed so far
  private int acceptedTokens; // those of them that stayed
  private int[] generated = new int[256];
  private int count;
  private int position; // tokens computed
  private StopReason reason; // when done

  private final long start = System.nanoTime();
  private long promptEnd;
  private long firstToken;
  private long end;

  /**
   * @param prompt holds the prompt in {@code [0, promptLength)}
   * @param reused tokens of the prompt that need not be computed
   * @param limit most positions of the sequence
   * @param speculator gives what drafts tokens
   * @param onToken is told of each token before its text, or null
   * @param interrupted asked before each token; true ends the generation
   * @throws IllegalArgumentException if nothing of the prompt is to be computed, it exceeds the
   *     limit, or the vocabulary cannot be bound by a constraint
   */
  Generation(
      Tokenizer tokenizer,
      int[] prompt,
      int promptLength,
      int reused,
      int limit,
      GenerationOptions options,
      Speculator speculator,
      TokenListener onToken,
      Consumer<String> onText,
      BooleanSupplier interrupted) {
    if (promptLength <= reused) {
      throw new IllegalArgumentException(
          "the prompt has %d tokens and the session already holds %d: nothing to compute"
              .formatted(promptLength, reused));
    }
    if (promptLength > limit) {
      throw new IllegalArgumentException(
          "the prompt has %d tokens, more than the context of %d: shorten it or raise --ctx"
              .formatted(promptLength, limit));
    }
    this.tokenizer = tokenizer;
    this.prompt = prompt;
    this.promptLength = promptLength;
    this.reused = reused;
    this.limit = limit;
    this.options = options;
    constraint = options.constraint().map(c -> c.begin(tokenizer)).orElse(null);
    drafter = speculator.drafter(prompt, promptLength).orElse(null);
    this.onToken = onToken;
    this.onText = onText;
    this.interrupted = interrupted;
    position = reused;
    sampler = new SamplerChain(options.sampling(), tokenizer.vocabularySize());
    stops = new StopStrings(options.stop());
  }

  /** Whether the next token is one that was generated, rather than the prompt's. */
  boolean isDecoding() {
    return position >= promptLength;
  }

  boolean isDone() {
    return reason != null;
  }

  /** Holds the tokens to compute next in {@code [from, to)}. */
  int[] tokens() {
    return isDecoding() ? next : prompt;
  }

  int from() {
    return isDecoding() ? 0 : position;
  }

  int to() {
    return isDecoding() ? 1 + drafted : promptLength;
  }

  /** Drafted tokens, the last of those to compute. */
  int drafted() {
    return drafted;
  }

  /** Drafts at most so many tokens to follow the next one; returns how many. */
  int draft(int most) {
    if (drafter == null) {
      return 0;
    }
    int room = Math.min(most, limit - position - 1);
    if (options.maxTokens() != GenerationOptions.UNLIMITED) {
      room = Math.min(room, options.maxTokens() - count - 1);
    }
    drafted = room == 0 ? 0 : drafter.draft(room, draft, chances);
    System.arraycopy(draft, 0, next, 1, drafted);
    for (int i = 1; i < drafted; i++) {
      chances[i] *= chances[i - 1];
    }
    return drafted;
  }

  /** How likely the draft is right up to a token of it. */
  double chance(int token) {
    return chances[token];
  }

  /** Drops all but the first tokens of the draft. */
  void keepDraft(int tokens) {
    drafted = tokens;
  }

  /** Tokens of the sequence that are computed, those of a draft that did not stay left out. */
  int position() {
    return position;
  }

  /** Tokens of drafts that were computed so far and stayed. */
  int acceptedTokens() {
    return acceptedTokens;
  }

  /**
   * Tells that tokens were computed.
   *
   * @param tokens how many of those that were to be
   * @param logits after so many drafted tokens, overwritten; not asked for where the prompt goes on
   */
  void computed(int tokens, IntFunction<float[]> logits) {
    int checked = Math.max(0, tokens - (to() - from() - drafted));
    position += tokens - checked;
    if (position < promptLength) {
      if (interrupted.getAsBoolean()) {
        promptEnd = System.nanoTime();
        finish(StopReason.INTERRUPTED);
      }
      return;
    }
    if (position == promptLength) {
      promptEnd = System.nanoTime();
    }
    draftedTokens += checked;
    drafted = 0;
    next(logits.apply(0));
    for (int i = 1; i <= checked && !isDone() && next[0] == next[i]; i++) {
      position++;
      acceptedTokens++;
      next(logits.apply(i));
    }
  }

  /** Samples the next token and takes it into the text. */
  private void next(float[] logits) {
    float[] untouched = onToken != null && onToken.readsLogits() ? logits.clone() : null;
    if (constraint != null) {
      constraint.mask(logits);
    }
    next[0] = sampler.sample(logits);
    if (onToken != null && !tokenizer.endTokens().contains(next[0])) {
      onToken.sampled(next[0], untouched);
    }
    if (position == promptLength) {
      firstToken = System.nanoTime();
    }
    StopReason why = take(next[0]);
    if (why != null) {
      if (why != StopReason.STOP_STRING) {
        emit(stops.append(decoder.flush()));
        emit(stops.flush());
      }
      finish(why);
    }
  }

  private void finish(StopReason why) {
    reason = why;
    end = System.nanoTime();
    if (drafter != null) {
      drafter.close();
    }
  }

  /** Takes a sampled token into the text; the reason to stop, or null to go on with it. */
  private StopReason take(int token) {
    if (tokenizer.endTokens().contains(token)) {
      return StopReason.END_TOKEN;
    }
    sampler.accept(token);
    if (constraint != null) {
      constraint.accept(token);
    }
    if (drafter != null) {
      drafter.accept(token);
    }
    if (count == generated.length) {
      generated = Arrays.copyOf(generated, 2 * count);
    }
    generated[count++] = token;
    emit(stops.append(decoder.append(tokenizer.bytes(token))));
    if (stops.found()) {
      return StopReason.STOP_STRING;
    }
    if (constraint != null && constraint.isFinished()) {
      return StopReason.COMPLETE;
    }
    if (count == options.maxTokens()) {
      return StopReason.LENGTH;
    }
    if (position == limit) {
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

  /** What came of it, once it is done. */
  GenerationResult result(CacheStatistics cache) {
    boolean answered = firstToken != 0;
    int decoded = Math.max(0, position - promptLength);
    return new GenerationResult(
        text.toString(),
        Arrays.copyOf(generated, count),
        reason,
        options.sampling().seed(),
        new GenerationResult.Timings(
            position - decoded - reused,
            reused,
            promptEnd - start,
            answered ? firstToken - start : 0,
            decoded,
            answered ? end - firstToken : 0),
        position,
        limit,
        draftedTokens,
        acceptedTokens,
        cache);
  }
}
