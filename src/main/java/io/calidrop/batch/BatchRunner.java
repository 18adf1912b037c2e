package io.calidrop.batch;

import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.Generator;
import io.calidrop.generate.StopReason;
import io.calidrop.model.InferenceSession;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Answers requests one after another. What a prompt has in common with the one before, such as a
 * system message, is not computed again where the cache can go back.
 */
public final class BatchRunner implements AutoCloseable {
  private final Engine engine;
  private final Generator generator;
  private final InferenceSession session;
  private int[] cached = {};

  /**
   * What became of a request.
   *
   * @param result empty where the request failed
   * @param error why it did
   */
  public record Outcome(Optional<GenerationResult> result, Optional<String> error) {
    static Outcome failed(String error) {
      return new Outcome(Optional.empty(), Optional.of(error));
    }

    /** Whether the user interrupted it: it is no result. */
    public boolean isInterrupted() {
      return result.filter(r -> r.stopReason() == StopReason.INTERRUPTED).isPresent();
    }
  }

  public BatchRunner(Engine engine) {
    this.engine = engine;
    generator = new Generator(engine.model(), engine.tokenizer());
    session = engine.newSession();
  }

  /** Answers a request; it never throws for what is wrong with the request. */
  public Outcome run(BatchRequest request, BooleanSupplier interrupted) {
    if (request.error().isPresent()) {
      return Outcome.failed(request.error().get());
    }
    try {
      int[] prompt = engine.template().encode(request.messages(), true, engine.tokenizer());
      int common = Arrays.mismatch(prompt, cached);
      int kept = common < 0 ? prompt.length - 1 : Math.min(common, prompt.length - 1);
      kept = Math.min(kept, session.position());
      session.truncate(session.canTruncate(kept) ? kept : 0);
      cached = Arrays.copyOf(prompt, session.position());
      GenerationResult result =
          generator.generate(session, prompt, request.options(), text -> {}, interrupted);
      cached = Arrays.copyOf(prompt, Math.min(prompt.length, session.position()));
      return new Outcome(Optional.of(result), Optional.empty());
    } catch (IllegalArgumentException e) {
      return Outcome.failed(e.getMessage());
    }
  }

  @Override
  public void close() {
    session.close();
  }
}
