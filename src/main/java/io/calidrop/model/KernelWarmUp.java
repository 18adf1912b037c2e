package io.calidrop.model;

import io.calidrop.attention.KvType;
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
import java.util.List;

/**
 * Runs a tiny model of the same formats while the weights of the real one are read, so that the JVM
 * compiles the kernels before the first token wants them: until then each of their vector
 * operations is a call that allocates, a thousand times slower.
 */
final class KernelWarmUp {
  private static final int ROUNDS = 25;
  private static final int BATCH = 8;
  private static final int CONTEXT = 16;
  private static final int VOCABULARY = 32;

  /** As a half-precision scale a small number, as quants small ones. */
  private static final byte FILL = 0x11;

  private final GgufFile file;
  private final LlamaConfig real;

  KernelWarmUp(GgufFile file, LlamaConfig real) {
    this.file = file;
    this.real = real;
  }

  /** Starts in the background. */
  void start() {
    Thread.ofPlatform().daemon().name("calidrop-warm-up").start(this::run);
  }

  private void run() {
    Arena arena = Arena.ofShared();
    WorkerPool pool = new WorkerPool(1);
    LlamaConfig config = config();
    LlamaWeights weights = weights(config, new MatrixLoader(arena, pool), arena);
    try (LlamaModel model = new LlamaModel(config, weights, pool, arena);
        InferenceSession session = model.newSession(CONTEXT, KvType.F16)) {
      int[] tokens = new int[BATCH];
      for (int round = 0; round < ROUNDS; round++) {
        session.truncate(0);
        model.forward(session, tokens, 0, BATCH, false);
        model.forward(session, tokens, 0, 1, true);
        model.forward(session, tokens, 0, 1, true);
      }
    }
  }

  /** The smallest shape that holds whole blocks of the formats. */
  private LlamaConfig config() {
    int block =
        file.tensors().stream().mapToInt(tensor -> tensor.type().blockSize()).max().orElse(1);
    int unit = 2 * Math.max(32, block);
    int group = real.group();
    int kvHeads = 1;
    while (kvHeads * group * real.headDim() % (unit / 2) != 0) {
      kvHeads++;
    }
    return new LlamaConfig(
        "",
        1,
        unit,
        unit,
        kvHeads * group,
        kvHeads,
        real.headDim(),
        VOCABULARY,
        CONTEXT,
        real.ropeDim(),
        real.ropeBase(),
        real.ropeScale(),
        real.normEpsilon());
  }

  private LlamaWeights weights(LlamaConfig config, MatrixLoader loader, Arena arena) {
    float[] ones = new float[config.dim()];
    Arrays.fill(ones, 1f);
    int dim = config.dim();
    LlamaWeights.Layer layer =
        new LlamaWeights.Layer(
            ones,
            matrix(loader, arena, layerType("attn_q"), config.queryDim(), dim),
            matrix(loader, arena, layerType("attn_k"), config.kvDim(), dim),
            matrix(loader, arena, layerType("attn_v"), config.kvDim(), dim),
            matrix(loader, arena, layerType("attn_output"), dim, config.queryDim()),
            ones,
            matrix(loader, arena, layerType("ffn_gate"), config.ffnDim(), dim),
            matrix(loader, arena, layerType("ffn_up"), config.ffnDim(), dim),
            matrix(loader, arena, layerType("ffn_down"), dim, config.ffnDim()));
    GgmlType embedding = type("token_embd.weight");
    GgmlType output = file.tensor("output.weight").map(TensorInfo::type).orElse(embedding);
    MemorySegment rows = data(arena, embedding, config.vocabulary(), dim);
    return new LlamaWeights(
        new TokenEmbedding(WeightFormat.of(embedding).orElseThrow(), rows, dim),
        List.of(layer),
        ones,
        matrix(loader, arena, output, config.vocabulary(), dim),
        new RotaryEmbedding(config, null));
  }

  private GgmlType layerType(String name) {
    return type("blk.0." + name + ".weight");
  }

  private GgmlType type(String tensor) {
    return file.tensor(tensor).orElseThrow().type();
  }

  private static Matrix matrix(
      MatrixLoader loader, Arena arena, GgmlType type, int rows, int columns) {
    MemorySegment data = data(arena, type, rows, columns);
    return loader.repacked(type, data, rows, columns);
  }

  private static MemorySegment data(Arena arena, GgmlType type, int rows, int columns) {
    return arena.allocate(type.bytes((long) rows * columns)).fill(FILL);
  }
}
