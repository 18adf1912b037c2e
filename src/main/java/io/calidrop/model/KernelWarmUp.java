package io.calidrop.model;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.KvTypes;
import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.TensorInfo;
import io.calidrop.tensor.Matrix;
import io.calidrop.tensor.MatrixLoader;
import io.calidrop.tensor.WeightFormat;
import io.calidrop.tensor.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Runs a tiny model of the same formats while the weights of the real one are read, so that the JVM
 * compiles the kernels before the first token wants them: until then each of their vector
 * operations is a call that allocates, a thousand times slower.
 */
final class KernelWarmUp {
  /** A round takes a fraction of a millisecond once its kernels are compiled, before it many. */
  private static final int ROUNDS = 200;

  /** More tokens than the kernels of small batches take. */
  private static final int BATCH = 12;

  /**
   * As those in which guesses are checked: formats may have kernels for two tokens, and for four.
   */
  private static final int[] SMALL_BATCHES = {2, 4};

  private static final int CONTEXT = 32;
  private static final int VOCABULARY = 128; // tiles that make the last kernel hot too

  /** As a half-precision scale a small number, as quants small ones. */
  private static final byte FILL = 0x11;

  private final GgufFile file;
  private final ModelConfig real;
  private final KvTypes cacheTypes;
  private final Thread prompts = thread(this::prompts);
  private final Thread tokens = thread(this::tokens);

  /**
   * @param cacheTypes of the caches that will be used
   */
  KernelWarmUp(GgufFile file, ModelConfig real, KvTypes cacheTypes) {
    this.file = file;
    this.real = real;
    this.cacheTypes = cacheTypes;
  }

  private static Thread thread(Runnable work) {
    return Thread.ofPlatform().daemon().name("calidrop-warm-up").unstarted(work);
  }

  /**
   * Starts in the background: prompts on one thread, single tokens on another, since a thread may
   * have to wait for what it wants compiled, and the compiler has two threads as well.
   */
  void start() {
    prompts.start();
    tokens.start();
  }

  /**
   * Waits for its end, if it was started. Threads that compute before would keep the compiler from
   * a core, and take longer in all.
   */
  void await() {
    try {
      prompts.join();
      tokens.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // whoever interrupts has no use for a warm model
    }
  }

  /**
   * Passes of many tokens, of more and more: scratch memory that grows now and then shows the JVM
   * that it may, or the first prompt would throw away what is compiled.
   */
  private void prompts() {
    int[] tokens = new int[CONTEXT];
    run(
        (model, session, round) -> {
          int batch = BATCH + round % (CONTEXT - BATCH);
          model.forward(session, tokens, 0, batch, false);
        });
  }

  /** Passes of a few tokens first, whose products are of all formats, then single ones. */
  private void tokens() {
    int[] tokens = new int[CONTEXT];
    run(
        (model, session, round) -> {
          int few = SMALL_BATCHES[round % SMALL_BATCHES.length];
          model.forward(session, tokens, 0, few, (i, logits, offset) -> {});
          model.forward(session, tokens, 0, 1, true);
          model.forward(session, tokens, 0, 1, true);
        });
  }

  private void run(Round round) {
    Arena arena = Arena.ofShared();
    WorkerPool pool = new WorkerPool(1);
    ModelConfig config = config();
    ModelWeights weights =
        new WeightReader(config, new Filled(new MatrixLoader(arena, pool), arena)).read();
    try (Transformer model =
            new Transformer(file.path(), config, weights, pool, arena, () -> new int[0]);
        InferenceSession session = model.newSession(CONTEXT, CacheOptions.full(cacheTypes))) {
      for (int i = 0; i < ROUNDS; i++) {
        session.truncate(0);
        round.run(model, session, i);
      }
    }
  }

  @FunctionalInterface
  private interface Round {
    void run(Transformer model, InferenceSession session, int round);
  }

  /** The smallest shape that holds whole blocks of the formats. */
  private ModelConfig config() {
    int block =
        file.tensors().stream().mapToInt(tensor -> tensor.type().blockSize()).max().orElse(1);
    int unit = 2 * Math.max(32, block);
    int group = real.group();
    int kvHeads = 1;
    while (kvHeads * group * real.headDim() % (unit / 2) != 0) {
      kvHeads++;
    }
    ModelConfig.Experts experts = real.experts();
    return new ModelConfig(
        real.architecture(),
        "",
        1,
        unit,
        unit,
        kvHeads * group,
        kvHeads,
        real.headDim(),
        VOCABULARY,
        CONTEXT,
        real.normEpsilon(),
        real.rope(),
        real.scales(),
        new ModelConfig.Experts(experts.used(), experts.used(), unit),
        real.windows());
  }

  /** Tensors of the file's formats, whatever the weights. */
  private final class Filled implements TensorSource {
    private final MatrixLoader loader;
    private final Arena arena;

    Filled(MatrixLoader loader, Arena arena) {
      this.loader = loader;
      this.arena = arena;
    }

    @Override
    public float[] vector(TensorSpec spec) {
      if (file.tensor(spec.name()).isEmpty()) {
        return null;
      }
      float[] ones = new float[Math.toIntExact(spec.shape().getFirst())];
      Arrays.fill(ones, 1f);
      return ones;
    }

    @Override
    public Matrix rows(TensorSpec spec, int from, int count) {
      TensorInfo tensor = file.tensor(spec.name()).orElse(null);
      if (tensor == null) {
        return null;
      }
      int columns = Math.toIntExact(spec.shape().getFirst());
      MemorySegment data = data(tensor.type(), (long) count * columns);
      return loader.repacked(tensor.type(), data, count, columns);
    }

    @Override
    public TokenEmbedding embedding(TensorSpec spec) {
      // Real numbers, where the real ones are: constants would teach the JVM branches that none
      // takes, and memory of another kind a class that it does not find again.
      TensorInfo tensor = file.tensor(spec.name()).orElseThrow();
      WeightFormat format = WeightFormat.of(tensor.type()).orElseThrow();
      return new TokenEmbedding(
          format, file.data(tensor), Math.toIntExact(spec.shape().getFirst()));
    }

    private MemorySegment data(GgmlType type, long elements) {
      return arena.allocate(type.bytes(elements)).fill(FILL);
    }
  }
}
