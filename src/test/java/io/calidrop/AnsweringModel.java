package io.calidrop;

import io.calidrop.bench.RandomVocabulary;
import io.calidrop.bench.RandomWeights;
import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * A small model that talks, to drive the commands with: each token has one that follows it most
 * likely, by more than rounding or a bounded cache can change. To any question it answers the same
 * sentence and ends its turn; after any other text, and everywhere in the endless one, words follow
 * without an end. Layers of random weights add what the context makes of it.
 */
public final class AnsweringModel {
  /** The answer of the model that ends its turn. */
  public static final String ANSWER = "The capital of France is Paris.";

  private static final List<String> CHAIN =
      List.of("Ċ", "The", "Ġcapital", "Ġof", "ĠFrance", "Ġis", "ĠParis", ".", "<|im_end|>");

  private static final int LAYERS = 2;
  private static final int DIM = 128;
  private static final int FFN = 128;
  private static final int HEADS = 4;
  private static final int KV_HEADS = 2;
  private static final int HEAD_DIM = 32;
  private static final int VOCABULARY = 384;
  private static final int FIRST_WORD = 259; // after the control tokens and the bytes

  /** The logit of the token that follows; those of others have a deviation of about 1. */
  private static final float CERTAINTY = 12;

  private static Path answering;
  private static Path endless;

  private final GgufWriter writer = new GgufWriter();
  private final Random random = new Random(42);

  private AnsweringModel() {}

  /** The file of the model that answers {@link #ANSWER}, written once. */
  public static synchronized Path file() {
    if (answering == null) {
      answering = write("answering", CHAIN);
    }
    return answering;
  }

  /** The file of the model that never ends its turn, written once. */
  public static synchronized Path endless() {
    if (endless == null) {
      endless = write("endless", List.of());
    }
    return endless;
  }

  private static Path write(String name, List<String> chain) {
    Path path = TestData.temporary(name + ".gguf");
    try {
      new AnsweringModel().declare(name, chain).write(path);
      return path;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private GgufWriter declare(String name, List<String> chain) {
    writer
        .put("general.architecture", "llama")
        .put("general.name", name)
        .put("llama.block_count", LAYERS)
        .put("llama.embedding_length", DIM)
        .put("llama.feed_forward_length", FFN)
        .put("llama.attention.head_count", HEADS)
        .put("llama.attention.head_count_kv", KV_HEADS)
        .put("llama.attention.layer_norm_rms_epsilon", 1e-5f)
        .put("llama.rope.dimension_count", HEAD_DIM)
        .put("llama.rope.freq_base", 10_000f)
        .put("llama.context_length", 8192)
        .put("llama.vocab_size", VOCABULARY);
    RandomVocabulary.put(writer, VOCABULARY);
    float[] embedding = new float[VOCABULARY * DIM];
    for (int i = 0; i < embedding.length; i++) {
      embedding[i] = (float) random.nextGaussian();
    }
    tensor("token_embd", embedding, DIM, VOCABULARY);
    tensor("output", output(embedding, followers(chain)), DIM, VOCABULARY);
    norm("output_norm");
    for (int i = 0; i < LAYERS; i++) {
      String block = "blk." + i + ".";
      norm(block + "attn_norm");
      matrix(block + "attn_q", DIM, HEADS * HEAD_DIM, 1);
      matrix(block + "attn_k", DIM, KV_HEADS * HEAD_DIM, 1);
      matrix(block + "attn_v", DIM, KV_HEADS * HEAD_DIM, 1);
      matrix(block + "attn_output", HEADS * HEAD_DIM, DIM, 0.2f);
      norm(block + "ffn_norm");
      matrix(block + "ffn_gate", DIM, FFN, 1);
      matrix(block + "ffn_up", DIM, FFN, 1);
      matrix(block + "ffn_down", FFN, DIM, 0.2f);
    }
    return writer;
  }

  /** The token that follows each: along the chain, and all words in a circle from the others. */
  private static int[] followers(List<String> chain) {
    List<String> tokens = RandomVocabulary.tokens(VOCABULARY);
    List<Integer> circle = new ArrayList<>();
    for (int id = FIRST_WORD; id < VOCABULARY; id++) {
      if (!CHAIN.contains(tokens.get(id))) {
        circle.add(id);
      }
    }
    int[] followers = new int[VOCABULARY];
    for (int id = 0; id < VOCABULARY; id++) {
      followers[id] =
          circle.get((circle.indexOf(id) + 1 + (id < FIRST_WORD ? id : 0)) % circle.size());
    }
    for (int i = 0; i + 1 < chain.size(); i++) {
      followers[tokens.indexOf(chain.get(i))] = tokens.indexOf(chain.get(i + 1));
    }
    return followers;
  }

  private static float[] output(float[] embedding, int[] followers) {
    float[] output = new float[embedding.length];
    for (int id = 0; id < followers.length; id++) {
      for (int i = 0; i < DIM; i++) {
        output[followers[id] * DIM + i] += CERTAINTY / DIM * embedding[id * DIM + i];
      }
    }
    return output;
  }

  private void norm(String name) {
    float[] ones = new float[DIM];
    Arrays.fill(ones, 1);
    tensor(name, ones, DIM);
  }

  private void tensor(String name, float[] values, long... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    writer.tensor(name + ".weight", GgmlType.F32, out -> out.write(bytes.array()), shape);
  }

  private void matrix(String name, int columns, int rows, float gain) {
    byte[] bytes = new byte[Math.toIntExact(GgmlType.Q8_0.bytes((long) columns * rows))];
    RandomWeights.fill(bytes, GgmlType.Q8_0, random, gain / (float) Math.sqrt(columns));
    writer.tensor(name + ".weight", GgmlType.Q8_0, out -> out.write(bytes), columns, rows);
  }
}
