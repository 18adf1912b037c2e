package io.calidrop.batch;

import io.calidrop.generate.GenerationResult;
import java.io.IOException;
import java.util.function.BooleanSupplier;

/**
 * One pass over the requests of an input: those that have a result are skipped, the others answered
 * and written. Used once, by one thread.
 */
public final class BatchPass {
  private final BatchInput input;
  private final Shard part;
  private final BatchOutput output;
  private final boolean failFast;
  private final Progress progress;
  private final IdSet ids = new IdSet();
  private final long start = System.nanoTime();
  private long skipped;
  private long promptTokens;
  private long generatedTokens;
  private long draftedTokens;
  private long acceptedTokens;

  /** Is told of each request in turn. */
  public interface Progress {
    /** Tells nobody. */
    Progress UNSEEN = new Progress() {};

    /** It had a result. */
    default void skipped() {}

    /** It has one now. */
    default void answered() {}
  }

  /**
   * @param part of the input whose requests are answered
   * @param failFast whether the first error ends the pass
   */
  public BatchPass(
      BatchInput input, Shard part, BatchOutput output, boolean failFast, Progress progress) {
    this.input = input;
    this.part = part;
    this.output = output;
    this.failFast = failFast;
    this.progress = progress;
  }

  /**
   * Answers all requests; what is wrong with one becomes its result.
   *
   * @param interrupted ends the pass; requests under way get no result
   * @throws IOException if the input cannot be read or the output not be written
   */
  public BatchSummary run(BatchRunner runner, BooleanSupplier interrupted) throws IOException {
    runner.run(this::next, this::add, interrupted);
    return new BatchSummary(
        output.count(),
        output.failed(),
        skipped,
        promptTokens,
        generatedTokens,
        draftedTokens,
        acceptedTokens,
        (System.nanoTime() - start) / 1e9,
        interrupted.getAsBoolean());
  }

  /** The next request that has no result yet. */
  private BatchRequest next() throws IOException {
    while (true) {
      BatchRequest request = input.next(part);
      if (request == null) {
        return null;
      }
      if (!ids.add(request.id())) {
        request = request.repeated();
      }
      if (!output.had(request.id())) {
        return request;
      }
      skipped++;
      progress.skipped();
    }
  }

  private boolean add(BatchRequest request, BatchRunner.Outcome outcome) throws IOException {
    output.add(BatchResult.of(request, outcome));
    outcome.result().ifPresent(this::count);
    progress.answered();
    return outcome.error().isEmpty() || !failFast;
  }

  private void count(GenerationResult result) {
    GenerationResult.Timings timings = result.timings();
    promptTokens += timings.promptTokens() + timings.reusedTokens();
    generatedTokens += result.tokens().length;
    draftedTokens += result.draftedTokens();
    acceptedTokens += result.acceptedTokens();
  }
}
