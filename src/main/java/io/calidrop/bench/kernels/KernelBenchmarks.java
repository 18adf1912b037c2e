package io.calidrop.bench.kernels;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs the JMH benchmarks of the kernels, each in a JVM of its own. For one thread at a time. */
public final class KernelBenchmarks {

  /**
   * A measurement.
   *
   * @param kernel its name, with the parameters that tell it from others
   * @param nanoseconds of a call
   * @param error half of the 99.9 % confidence interval, in nanoseconds; NaN from too few
   *     measurements
   * @param gigabytes GB/s of weights or cache read, NaN where memory is not what counts
   * @param gigaflops GFLOP/s, NaN likewise
   * @param garbage bytes that a call allocates on the heap, on all threads
   * @param share of the time that the machine's limits allow, 0..1, measured in the same process;
   *     NaN likewise
   */
  public record Measurement(
      String kernel,
      int threads,
      double nanoseconds,
      double error,
      double gigabytes,
      double gigaflops,
      double garbage,
      double share) {}

  private static final String THREADS = "threads";
  private static final TimeValue SECOND = TimeValue.seconds(1);
  private static final TimeValue SHORT = TimeValue.milliseconds(300);

  private final boolean quick;
  private final Map<String, String[]> parameters = new TreeMap<>();

  /**
   * @param quick measure a tenth as long
   */
  public KernelBenchmarks(int threads, boolean quick) {
    this.quick = quick;
    parameters.put(THREADS, new String[] {String.valueOf(threads)});
  }

  /** Measures only these values of a parameter, in the benchmarks that have it. */
  public KernelBenchmarks with(String parameter, Collection<String> values) {
    parameters.put(parameter, values.toArray(String[]::new));
    return this;
  }

  /**
   * Runs the benchmarks whose name, class and method, matches one of the patterns.
   *
   * @param log receives JMH's progress
   * @throws IllegalStateException if a benchmark fails
   */
  public List<Measurement> run(List<String> patterns, PrintStream log) {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .forks(1)
            .warmupIterations(quick ? 3 : 5)
            .measurementIterations(quick ? 3 : 5)
            .warmupTime(quick ? SHORT : SECOND)
            .measurementTime(quick ? SHORT : SECOND)
            .addProfiler(GCProfiler.class)
            .jvmArgsPrepend(
                "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED")
            .shouldFailOnError(true);
    patterns.forEach(options::include);
    parameters.forEach(options::param);
    try {
      var format = OutputFormatFactory.createFormatInstance(log, VerboseMode.NORMAL);
      List<Measurement> measurements = new ArrayList<>();
      for (RunResult result : new Runner(options.build(), format).run()) {
        measurements.add(measurement(result));
      }
      return measurements;
    } catch (RunnerException e) {
      throw new IllegalStateException("the benchmarks failed: " + e.getMessage(), e);
    }
  }

  private static Measurement measurement(RunResult run) {
    Result<?> primary = run.getPrimaryResult();
    double score = primary.getScore();
    boolean rate = primary.getScoreUnit().startsWith("ops");
    double nanoseconds = rate ? 1 / score : score;
    String threads = run.getParams().getParam(THREADS);
    return new Measurement(
        name(run.getParams()),
        threads == null ? 1 : Integer.parseInt(threads),
        nanoseconds,
        primary.getScoreError() / score * nanoseconds,
        secondary(run, "gigabytes"),
        secondary(run, "gigaflops"),
        secondary(run, "gc.alloc.rate.norm"),
        secondary(run, "share"));
  }

  private static String name(BenchmarkParams params) {
    String[] path = params.getBenchmark().split("\\.");
    String suffix =
        params.getParamsKeys().stream()
            .filter(key -> !key.equals(THREADS))
            .map(key -> " " + key + "=" + params.getParam(key))
            .collect(Collectors.joining());
    return path[path.length - 1] + suffix;
  }

  private static double secondary(RunResult run, String name) {
    Result<?> result = run.getSecondaryResults().get(name);
    return result == null ? Double.NaN : result.getScore();
  }
}
