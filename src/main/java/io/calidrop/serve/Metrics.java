package io.calidrop.serve;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.generate.GenerationResult;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.function.Supplier;

/** Counts what the server does, for Prometheus. Threads may share it. */
final class Metrics implements AutoCloseable {
  private static final String MODEL = "model";

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

  /** Shows a figure as it is at the time. */
  void gauge(String name, String what, Supplier<Number> value) {
    Gauge.builder(name, value).description(what).register(registry);
  }

  /** Counts a response. */
  void responded(String path, int status) {
    Counter.builder("calidrop.requests")
        .description("Responses by path and status")
        .tag("path", path)
        .tag("status", Integer.toString(status))
        .register(registry)
        .increment();
  }

  /**
   * Counts an answer.
   *
   * @param begun what its cache held when it began
   */
  void answered(String model, GenerationResult result, CacheStatistics begun) {
    GenerationResult.Timings timings = result.timings();
    int prompt = timings.promptTokens() + timings.reusedTokens();
    count("calidrop.prompt.tokens", "Tokens of prompts", model, prompt);
    count("calidrop.reused.tokens", "Tokens of prompts computed before", model, begun.seen());
    count("calidrop.generated.tokens", "Generated tokens", model, result.tokens().length);
    CacheStatistics cache = result.cache();
    count(
        "calidrop.evicted.tokens",
        "Tokens that left bounded caches",
        model,
        evicted(cache) - evicted(begun));
    count(
        "calidrop.folded.tokens",
        "Those of them that cannot be read again",
        model,
        cache.folded() - begun.folded());
    count(
        "calidrop.recalled.rows",
        "Stored rows that tokens read, all KV heads together",
        model,
        cache.recomputed() - begun.recomputed());
    time("calidrop.first.token", "From a turn's start to its first token", model)
        .record(Duration.ofNanos(timings.firstTokenNanos()));
    if (timings.decodeTokens() > 0) {
      time("calidrop.next.token", "Between tokens, the mean of an answer", model)
          .record(Duration.ofNanos(timings.decodeNanos() / timings.decodeTokens()));
    }
  }

  private static double evicted(CacheStatistics cache) {
    return cache.seen() - cache.kept();
  }

  private void count(String name, String what, String model, double amount) {
    Counter.builder(name)
        .description(what)
        .tag(MODEL, model)
        .register(registry)
        .increment(Math.max(0, amount));
  }

  private Timer time(String name, String what, String model) {
    return Timer.builder(name)
        .description(what)
        .tag(MODEL, model)
        .publishPercentileHistogram()
        .minimumExpectedValue(Duration.ofMillis(5))
        .maximumExpectedValue(Duration.ofMinutes(2))
        .register(registry);
  }

  /** All of it in Prometheus' text format. */
  String text() {
    return registry.scrape();
  }

  @Override
  public void close() {
    registry.close();
  }
}
