package io.calidrop;

import io.calidrop.bench.RandomModel;
import io.calidrop.bench.RandomModel.Mix;
import io.calidrop.bench.RandomModel.Shape;
import io.calidrop.bench.RandomVocabulary;
import io.calidrop.bench.RandomWeights;
import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.GgufWriter;
import io.calidrop.model.family.Architecture;
import io.calidrop.model.family.Families;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Models of random weights whose figures were computed by llama.cpp, see src/test/reference. Their
 * bytes are the same on every machine.
 */
public final class MicroModel {
  /** A model with factors that slow its rotations down. */
  public static final String ROPE_FACTORS = "rope-factors";

  /** A model whose heads are wider than it, with an output matrix of its own. */
  public static final String WIDE = "wide";

  /** Before the name of a family. */
  private static final String FAMILY = "family-";

  /** A Llama with a mixture of experts. */
  public static final String EXPERTS = "llama-experts";

  /** A Llama with scaled positions. */
  public static final String YARN = "llama-yarn";

  /** Pre-tokenizers of byte-level BPE vocabularies. */
  public static final List<String> PRE_TOKENIZERS =
      List.of(
          "default",
          "gpt-2",
          "smollm",
          "starcoder",
          "refact",
          "llama-bpe",
          "qwen2",
          "tekken",
          "deepseek-llm",
          "deepseek-coder",
          "falcon");

  /** A vocabulary of SentencePiece. */
  public static final String SENTENCE_PIECE = "sentencepiece";

  public static final int VOCABULARY = 384;

  private static final String CHATTY = "chatty";

  private static Path chatty;

  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int BYTE = 6;

  private MicroModel() {}

  /** All with figures of their logits. */
  public static Stream<String> names() {
    return Stream.of(
            Stream.of(Mix.values()).map(Mix::name), Stream.of(ROPE_FACTORS, WIDE), families())
        .flatMap(names -> names);
  }

  /** A model of each family, and Llamas of other parts. */
  public static Stream<String> families() {
    return Stream.concat(
        Families.all().stream().map(Architecture::name).map(FAMILY::concat),
        Stream.of(EXPERTS, YARN));
  }

  /** Writes a model into a directory and opens it. */
  public static GgufFile open(String name, Path directory) {
    Path path = directory.resolve(name + ".gguf");
    try {
      if (!Files.exists(path)) {
        declare(name).write(path);
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return GgufFile.open(path);
  }

  /**
   * The file of a model with a long context whose answers mean nothing, and are others for every
   * conversation; written once.
   */
  public static synchronized Path file() {
    if (chatty == null) {
      chatty = TestData.temporary(CHATTY + ".gguf");
      try {
        declare(CHATTY).write(chatty);
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
    return chatty;
  }

  private static GgufWriter declare(String name) {
    if (PRE_TOKENIZERS.contains(name)) {
      return tiny("llama").put("tokenizer.ggml.pre", name);
    }
    return switch (name) {
      case CHATTY ->
          new RandomModel(Shape.SMICRO, Mix.Q8_0).declare().put("llama.context_length", 8192);
      case ROPE_FACTORS -> ropeFactors(new RandomModel(Shape.SMICRO, Mix.Q8_0).declare());
      case WIDE -> output(new RandomModel(Shape.SWIDE, Mix.Q4_0).declare());
      case SENTENCE_PIECE -> sentencePiece(tiny("llama"));
      case EXPERTS ->
          new RandomModel(family("llama").withExperts(), Shape.STINY, Mix.Q8_0).declare();
      case YARN ->
          tiny("llama")
              .put("llama.rope.scaling.type", "yarn")
              .put("llama.rope.scaling.factor", 4f)
              .put("llama.rope.scaling.original_context_length", 64);
      case FAMILY + "granite" ->
          tiny("granite")
              .put("granite.embedding_scale", 12f)
              .put("granite.residual_scale", 0.22f)
              .put("granite.attention.scale", 0.1f)
              .put("granite.logit_scale", 8f);
      default ->
          name.startsWith(FAMILY)
              ? tiny(name.substring(FAMILY.length()))
              : new RandomModel(Shape.SMICRO, Mix.valueOf(name)).declare();
    };
  }

  private static GgufWriter tiny(String family) {
    return new RandomModel(family(family), Shape.STINY, Mix.Q8_0).declare();
  }

  private static Architecture family(String name) {
    return Families.named(name).orElseThrow();
  }

  private static GgufWriter ropeFactors(GgufWriter writer) {
    ByteBuffer factors = ByteBuffer.allocate(32 * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 32; i++) {
      factors.putFloat(i < 8 ? 1 : i < 16 ? 1 + 0.5f * (i - 8) : 8);
    }
    return writer.tensor("rope_freqs.weight", GgmlType.F32, out -> out.write(factors.array()), 32);
  }

  private static GgufWriter output(GgufWriter writer) {
    byte[] bytes = new byte[Math.toIntExact(GgmlType.Q6_K.bytes(256L * VOCABULARY))];
    RandomWeights.fill(bytes, GgmlType.Q6_K, new Random(7), 1 / 16f);
    return writer.tensor("output.weight", GgmlType.Q6_K, out -> out.write(bytes), 256, VOCABULARY);
  }

  /** The words of the byte-level vocabulary, by rank, and their letters; bytes for all others. */
  private static GgufWriter sentencePiece(GgufWriter writer) {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    List<Integer> types = new ArrayList<>(List.of(UNKNOWN, CONTROL, CONTROL));
    for (int b = 0; b < 256; b++) {
      tokens.add("<0x%02X>".formatted(b));
      types.add(BYTE);
    }
    RandomVocabulary.tokens(VOCABULARY).stream()
        .skip(tokens.size())
        .limit(90)
        .forEach(word -> tokens.add(word.replace('Ġ', '▁')));
    "▁abcdefghijklmnopqrstuvwxyzTFPWA.?!"
        .chars()
        .mapToObj(Character::toString)
        .forEach(tokens::add);
    List<Float> scores = new ArrayList<>();
    for (int id = 0; id < tokens.size(); id++) {
      scores.add((float) -id);
    }
    while (types.size() < tokens.size()) {
      types.add(1);
    }
    return writer
        .put("tokenizer.ggml.model", "llama")
        .put("tokenizer.ggml.pre", "default")
        .put("tokenizer.ggml.tokens", tokens)
        .put("tokenizer.ggml.token_type", types)
        .put("tokenizer.ggml.scores", scores)
        .put("tokenizer.ggml.bos_token_id", 1)
        .put("tokenizer.ggml.eos_token_id", 2)
        .put("tokenizer.ggml.unknown_token_id", 0)
        .put("tokenizer.ggml.add_bos_token", true);
  }

  /** Writes all of them into the directory that is named, for the tool that computes figures. */
  public static void main(String[] args) {
    Stream.concat(names(), Stream.concat(PRE_TOKENIZERS.stream(), Stream.of(SENTENCE_PIECE)))
        .forEach(name -> open(name, Path.of(args[0])).close());
  }
}
