package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.gguf.GgufBytes;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.model.family.Families;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelSupportTest {
  private static final int F32 = 0;
  private static final int DIM = 8;

  @TempDir private Path directory;

  /** The parts of a small model, to be changed before they are written. */
  private static final class Parts {
    final Map<String, Object> metadata = new LinkedHashMap<>();
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    final Map<String, Integer> types = new LinkedHashMap<>();

    Parts() {
      metadata.put("general.architecture", "llama");
      metadata.put("llama.block_count", 1);
      metadata.put("llama.embedding_length", DIM);
      metadata.put("llama.feed_forward_length", 16);
      metadata.put("llama.attention.head_count", 4);
      metadata.put("llama.attention.head_count_kv", 2);
      metadata.put("llama.context_length", 64);
      shapes.put("token_embd.weight", new long[] {DIM, 20});
      shapes.put("output_norm.weight", new long[] {DIM});
      shapes.put("blk.0.attn_norm.weight", new long[] {DIM});
      shapes.put("blk.0.attn_q.weight", new long[] {DIM, DIM});
      shapes.put("blk.0.attn_k.weight", new long[] {DIM, 4});
      shapes.put("blk.0.attn_v.weight", new long[] {DIM, 4});
      shapes.put("blk.0.attn_output.weight", new long[] {DIM, DIM});
      shapes.put("blk.0.ffn_norm.weight", new long[] {DIM});
      shapes.put("blk.0.ffn_gate.weight", new long[] {DIM, 16});
      shapes.put("blk.0.ffn_up.weight", new long[] {DIM, 16});
      shapes.put("blk.0.ffn_down.weight", new long[] {16, DIM});
    }

    Path write(Path file) throws IOException {
      GgufBytes out = GgufBytes.header(3, shapes.size(), metadata.size());
      metadata.forEach(
          (key, value) -> {
            if (value instanceof String text) {
              out.text(key, text);
            } else {
              out.number(key, (Integer) value);
            }
          });
      shapes.forEach((name, shape) -> out.tensor(name, types.getOrDefault(name, F32), 0, shape));
      return out.align(32).zeros(4096).write(file);
    }
  }

  private List<String> problems(Consumer<Parts> change) throws IOException {
    Parts parts = new Parts();
    change.accept(parts);
    try (GgufFile file = GgufFile.open(parts.write(directory.resolve("model.gguf")))) {
      List<String> problems = ModelSupport.problems(file);
      if (!problems.isEmpty()) {
        assertThatThrownBy(() -> ModelLoader.load(file, new LoadOptions(1, false)))
            .isInstanceOf(ModelFormatException.class)
            .hasMessageStartingWith(file.path() + ": " + problems.getFirst());
      }
      assertThat(ModelInspection.of(file).problems()).isEqualTo(problems);
      return new ArrayList<>(problems);
    }
  }

  @Test
  void acceptsASmallModel() throws IOException {
    assertThat(problems(parts -> {})).isEmpty();
  }

  @Test
  void refusesOtherArchitectures() throws IOException {
    assertThat(problems(parts -> parts.metadata.put("general.architecture", "mamba")))
        .containsExactly("architecture mamba is not supported; supported: " + Families.names());
    assertThat(problems(parts -> parts.metadata.put("llama.expert_count", 8)))
        .singleElement()
        .asString()
        .endsWith("lacks the metadata key llama.expert_used_count (an integer)");
    assertThat(
            problems(
                parts -> {
                  parts.metadata.put("llama.expert_count", 1 << 20);
                  parts.metadata.put("llama.expert_used_count", 2);
                }))
        .containsExactly("metadata key llama.expert_count is 1048576: 1 to 4096 is possible");
    assertThat(
            problems(
                parts -> {
                  parts.metadata.put("llama.expert_count", 8);
                  parts.metadata.put("llama.expert_used_count", 2);
                }))
        .contains("tensor blk.0.ffn_gate_exps.weight is missing")
        .contains(
            "tensor blk.0.ffn_up.weight is an additional tensor, which is not supported in llama"
                + " models");
  }

  @Test
  void namesWhatIsMissingOrWrong() throws IOException {
    assertThat(problems(parts -> parts.shapes.remove("blk.0.attn_k.weight")))
        .containsExactly("tensor blk.0.attn_k.weight is missing");
    assertThat(problems(parts -> parts.shapes.put("blk.0.ffn_up.weight", new long[] {DIM, 15})))
        .containsExactly("tensor blk.0.ffn_up.weight has shape [8, 15] instead of [8, 16]");
    assertThat(problems(parts -> parts.metadata.remove("llama.block_count")))
        .singleElement()
        .asString()
        .endsWith("lacks the metadata key llama.block_count (an integer)");
    assertThat(problems(parts -> parts.shapes.put("blk.0.ffn_up.bias", new long[] {16})))
        .containsExactly(
            "tensor blk.0.ffn_up.bias is a bias, which is not supported in llama models");
  }

  @Test
  void refusesFormatsByNameAndListsTheSupportedOnes() throws IOException {
    int i8 = 24;
    assertThat(problems(parts -> parts.types.put("blk.0.ffn_up.weight", i8)))
        .singleElement()
        .asString()
        .startsWith("tensor blk.0.ffn_up.weight has the weight format I8, which is not supported")
        .contains("F32 F16 Q4_0 Q4_1");
  }

  @Test
  void refusesImpossibleShapes() throws IOException {
    assertThat(problems(parts -> parts.metadata.put("llama.attention.head_count", 3)))
        .singleElement()
        .asString()
        .contains("llama.attention.head_count is 3");
    assertThat(problems(parts -> parts.metadata.put("llama.attention.head_count", 0)))
        .singleElement()
        .asString()
        .contains("is 0: 1 to");
    assertThat(problems(parts -> parts.metadata.put("llama.rope.dimension_count", 3)))
        .singleElement()
        .asString()
        .contains("rope.dimension_count is 3");
    assertThat(problems(parts -> parts.metadata.put("llama.block_count", 1 << 23)))
        .hasSizeGreaterThan(1);
    assertThat(problems(parts -> parts.metadata.put("llama.attention.value_length", 4)))
        .singleElement()
        .asString()
        .contains("value_length");
    assertThat(problems(parts -> parts.metadata.put("llama.rope.scaling.type", "ntk")))
        .containsExactly("rope scaling ntk is not supported; none, linear, yarn and longrope are");
  }
}
