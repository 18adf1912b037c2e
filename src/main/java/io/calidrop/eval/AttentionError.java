package io.calidrop.eval;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.KvTypes;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.ModelConfig;
import io.calidrop.model.Transformer;
import java.util.List;

/**
 * How far each head's attention output is from that with the full cache: {@code sum |o - o_full| /
 * sum |o_full|} over tokens and dimensions (arXiv 2507.19906, Figure 1). Errors of lower layers
 * pass on to higher ones, as they do in use. For one thread at a time.
 */
public final class AttentionError implements AutoCloseable {
  private static final int BATCH = 64;

  private final Transformer model;
  private final TextWindow window;
  private final SessionSource source;
  private InferenceSession full; // at the first scored token
  private final float[] outputs; // [layers][BATCH][heads][headDim] of the full cache

  /**
   * The outcome for one cache.
   *
   * @param errors [layers][heads]
   * @param layers what each layer did and held; empty for a full cache
   */
  public record Result(double[][] errors, List<CacheStatistics> layers) {
    /** Mean over all heads. */
    public double mean() {
      double sum = 0;
      for (double[] layer : errors) {
        for (double error : layer) {
          sum += error / layer.length;
        }
      }
      return sum / errors.length;
    }
  }

  /**
   * Compares with a full cache of the given format.
   *
   * @param caches all that will be compared
   */
  public AttentionError(
      Transformer model, KvTypes kvTypes, TextWindow window, List<CacheOptions> caches) {
    this.model = model;
    this.window = window;
    int context = window.tokens().length;
    source =
        new SessionSource(
            model, context, window.tokens(), window.scored(), window.once(), kvTypes, caches);
    full = source.open(CacheOptions.full(kvTypes));
    ModelConfig config = model.config();
    outputs = new float[config.layers() * BATCH * config.queryDim()];
  }

  /** The errors of one cache. */
  public Result measure(CacheOptions options) {
    ModelConfig config = model.config();
    Sums sums = new Sums(config);
    try (InferenceSession session = source.open(options)) {
      full.observeAttention(this::keep);
      for (int from = window.scored(); from < window.count(); from += BATCH) {
        int to = Math.min(from + BATCH, window.count());
        model.forward(full, window.tokens(), from, to, false);
        sums.done = 0;
        session.observeAttention(sums::add);
        // A cache may cut the batch at a prune: what is compared moves along.
        model.forward(session, window.tokens(), from, to, false);
      }
      full.observeAttention(null);
      full = source.back(full);
      return new Result(sums.errors(), session.layerStatistics());
    }
  }

  private void keep(int layer, int tokens, float[] attended, int stride) {
    int width = model.config().queryDim();
    for (int token = 0; token < tokens; token++) {
      int at = (layer * BATCH + token) * width;
      System.arraycopy(attended, token * stride, outputs, at, width);
    }
  }

  @Override
  public void close() {
    full.close();
  }

  /** Absolute differences and absolute values, by layer and head. */
  private final class Sums {
    private final ModelConfig config;
    private final double[][] differences; // [layers][heads]
    private final double[][] magnitudes; // [layers][heads]
    private int done; // tokens of the full cache's batch that this one has had

    Sums(ModelConfig config) {
      this.config = config;
      differences = new double[config.layers()][config.heads()];
      magnitudes = new double[config.layers()][config.heads()];
    }

    void add(int layer, int tokens, float[] attended, int stride) {
      int dim = config.headDim();
      for (int token = 0; token < tokens; token++) {
        int at = (layer * BATCH + done + token) * config.queryDim();
        for (int i = 0; i < config.queryDim(); i++) {
          float expected = outputs[at + i];
          differences[layer][i / dim] += Math.abs(attended[token * stride + i] - expected);
          magnitudes[layer][i / dim] += Math.abs(expected);
        }
      }
      if (layer == config.layers() - 1) {
        done += tokens;
      }
    }

    double[][] errors() {
      double[][] errors = new double[config.layers()][config.heads()];
      for (int layer = 0; layer < errors.length; layer++) {
        for (int head = 0; head < errors[layer].length; head++) {
          double magnitude = magnitudes[layer][head];
          errors[layer][head] = magnitude == 0 ? 0 : differences[layer][head] / magnitude;
        }
      }
      return errors;
    }
  }
}
