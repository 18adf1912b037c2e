package io.calidrop.generate;

import io.calidrop.gguf.ModelFormatException;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.TokenRun;
import io.calidrop.model.Transformer;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.sampling.UndefinedLogitException;
import io.calidrop.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Generations that share each pass over the weights (continuous batching): they come and go at any
 * step, and each gives what it would give alone. For one thread at a time.
 */
public final class GenerationBatch {
  private final Transformer model;
  private final Tokenizer tokenizer;
  private final Speculator speculator;
  private final SamplerOptions recommended;
  private final DraftPlan plan;
  private final List<Member> members = new ArrayList<>();
  private int promptTokens = Integer.MAX_VALUE;

  private record Member(
      InferenceSession session, Generation generation, Consumer<GenerationResult> onDone) {
    /**
     * @param most tokens of a prompt
     */
    TokenRun next(int most) {
      int from = generation.from();
      int tokens = generation.to() - from;
      int to = from + (generation.isDecoding() ? tokens : Math.min(tokens, most));
      return new TokenRun(session, generation.tokens(), from, to, generation.drafted());
    }

    /** Returns how many drafted tokens stay. */
    int computed(int tokens) {
      boolean drafted = generation.drafted() > 0;
      int before = generation.acceptedTokens();
      try {
        generation.computed(tokens, session::logits);
      } finally {
        if (drafted) {
          session.truncate(generation.position());
        }
      }
      return generation.acceptedTokens() - before;
    }
  }

  /** Generations whose tokens are computed one by one. */
  public GenerationBatch(Transformer model, Tokenizer tokenizer) {
    this(model, tokenizer, Speculator.NONE, SamplerOptions.defaults());
  }

  /**
   * @param recommended how tokens are chosen where a generation's options leave it open
   */
  GenerationBatch(
      Transformer model, Tokenizer tokenizer, Speculator speculator, SamplerOptions recommended) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.speculator = speculator;
    this.recommended = recommended;
    plan = speculator.plan();
  }

  /**
   * Has prompts share evenly what they may take of a pass, so that none waits for a longer one.
   * Without this the first one takes all.
   *
   * @param most tokens of prompts in a pass that gives others their next token, which these wait
   *     for
   */
  public void sharePrompts(int most) {
    promptTokens = most;
  }

  /** Generations under way. */
  public int size() {
    return members.size();
  }

  /**
   * Adds the continuation of a prompt.
   *
   * @param session holds the keys and values of the prompt's first {@code session.position()}
   *     tokens; it is the generation's own until that is done
   * @param prompt holds all tokens of the prompt in {@code [0, length)}, at least one of them not
   *     yet in the session
   * @param onText is given the text piece by piece, each a whole number of characters
   * @param interrupted asked before each token; true ends the generation
   * @param onDone is given the result
   * @throws IllegalArgumentException if the prompt does not fit into the session's context
   */
  public void add(
      InferenceSession session,
      int[] prompt,
      int length,
      GenerationOptions options,
      Consumer<String> onText,
      BooleanSupplier interrupted,
      Consumer<GenerationResult> onDone) {
    add(session, prompt, length, options, null, onText, interrupted, onDone);
  }

  /**
   * Adds the continuation of a prompt.
   *
   * @param onToken is told of each token before its text, or null
   */
  public void add(
      InferenceSession session,
      int[] prompt,
      int length,
      GenerationOptions options,
      TokenListener onToken,
      Consumer<String> onText,
      BooleanSupplier interrupted,
      Consumer<GenerationResult> onDone) {
    int reused = session.position();
    Generation generation =
        new Generation(
            tokenizer,
            prompt,
            length,
            reused,
            session.limit(),
            options.withSampling(options.sampling().over(recommended)),
            speculator,
            onToken,
            onText,
            interrupted);
    session.expectPrompt(length - reused);
    members.add(new Member(session, generation, onDone));
  }

  /**
   * One pass over the weights, and with it another token for each that has had its prompt, or
   * several where they were guessed.
   *
   * @throws ModelFormatException where the model computes what is no number: its file is damaged
   */
  public void step() {
    // Single tokens come first: nobody waits for another's prompt, which takes the room that is
    // left.
    members.sort((a, b) -> Boolean.compare(b.generation.isDecoding(), a.generation.isDecoding()));
    long start = System.nanoTime();
    plan.draft(members.stream().map(Member::generation).toList());
    long drafted = System.nanoTime();
    int[] before = members.stream().mapToInt(member -> member.session.position()).toArray();
    int share = share();
    model.forward(members.stream().map(member -> member.next(share)).toList());
    long end = System.nanoTime();
    int tokens = 0;
    int accepted = 0;
    List<Member> done = new ArrayList<>();
    for (int i = 0; i < before.length; i++) {
      Member member = members.get(i);
      int computed = member.session.position() - before[i];
      if (computed > 0) {
        tokens += computed;
        accepted += accepted(member, computed);
      }
      if (member.generation.isDone()) {
        done.add(member);
      }
    }
    plan.passed(tokens, accepted, drafted - start, end - drafted);
    members.removeAll(done);
    done.forEach(
        member -> member.onDone.accept(member.generation.result(member.session.statistics())));
  }

  private int accepted(Member member, int computed) {
    try {
      return member.computed(computed);
    } catch (UndefinedLogitException e) {
      throw new ModelFormatException(
          "%s: its weights are damaged, or of a kind that is not supported: %s; fetch it again, or another"
              .formatted(model.source(), e.getMessage()),
          e);
    }
  }

  /** Tokens of the next pass for each prompt. */
  private int share() {
    int prompts = (int) members.stream().filter(member -> !member.generation.isDecoding()).count();
    if (prompts == 0 || promptTokens == Integer.MAX_VALUE) {
      return promptTokens;
    }
    int all = prompts < members.size() ? promptTokens : model.passTokens();
    return Math.max(1, all / prompts);
  }
}
