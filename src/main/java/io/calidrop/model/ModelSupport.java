package io.calidrop.model;

import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.gguf.TensorInfo;
import io.calidrop.tensor.WeightFormat;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Finds out whether a GGUF file holds a model that the engine can run, and what is in the way if
 * not.
 */
public final class ModelSupport {
  private final GgufFile file;
  private final List<String> problems = new ArrayList<>();
  private final Set<String> known = new HashSet<>();

  private ModelSupport(GgufFile file) {
    this.file = file;
  }

  /** Everything that keeps the model from running, a line each; empty where it runs. */
  public static List<String> problems(GgufFile file) {
    ModelSupport support = new ModelSupport(file);
    support.check();
    return List.copyOf(support.problems);
  }

  /**
   * @throws ModelFormatException with the first problem, if there is any
   */
  public static void require(GgufFile file) {
    List<String> problems = problems(file);
    if (!problems.isEmpty()) {
      String more =
          problems.size() == 1
              ? ""
              : " (and %d more problems; see inspect)".formatted(problems.size() - 1);
      throw new ModelFormatException(file.path() + ": " + problems.getFirst() + more);
    }
  }

  private void check() {
    String architecture = file.metadata().string("general.architecture", "");
    if (!architecture.equals(LlamaConfigReader.ARCHITECTURE)) {
      problems.add(
          "architecture %s is not supported; supported: %s"
              .formatted(
                  architecture.isEmpty() ? "unknown" : architecture,
                  LlamaConfigReader.ARCHITECTURE));
      return;
    }
    int experts = file.metadata().int32("llama.expert_count", 0);
    if (experts > 0) {
      problems.add(
          "a mixture of %d experts is not supported; dense feed-forward layers are"
              .formatted(experts));
      return;
    }
    try {
      checkShapes(LlamaConfigReader.read(file));
    } catch (ModelFormatException e) {
      problems.add(e.getMessage().replace(file.path() + ": ", ""));
      return;
    }
    checkOthers();
  }

  private void checkShapes(LlamaConfig config) {
    long dim = config.dim();
    tokens("token_embd.weight", config, true);
    vector("output_norm.weight", dim, true);
    tokens("output.weight", config, false);
    vector("rope_freqs.weight", config.ropeDim() / 2, false);
    for (int i = 0; i < config.layers(); i++) {
      String prefix = "blk." + i + ".";
      vector(prefix + "attn_norm.weight", dim, true);
      matrix(prefix + "attn_q.weight", dim, config.queryDim(), true);
      matrix(prefix + "attn_k.weight", dim, config.kvDim(), true);
      matrix(prefix + "attn_v.weight", dim, config.kvDim(), true);
      matrix(prefix + "attn_output.weight", config.queryDim(), dim, true);
      vector(prefix + "ffn_norm.weight", dim, true);
      matrix(prefix + "ffn_gate.weight", dim, config.ffnDim(), true);
      matrix(prefix + "ffn_up.weight", dim, config.ffnDim(), true);
      matrix(prefix + "ffn_down.weight", config.ffnDim(), dim, true);
      known.add(prefix + "attn_rot_embd.weight"); // written by old converters, used by nobody
      if (problems.size() > 100) {
        return; // a file that claims a million layers
      }
    }
  }

  /** A matrix with a row for each token, and perhaps padding. */
  private void tokens(String name, LlamaConfig config, boolean required) {
    long rows = file.tensor(name).map(TensorInfo::rows).orElse((long) config.vocabulary());
    if (rows < config.vocabulary()) {
      problems.add(
          "tensor %s has %d rows for a vocabulary of %d tokens: convert the model again"
              .formatted(name, rows, config.vocabulary()));
    }
    matrix(name, config.dim(), rows, required);
  }

  private void vector(String name, long length, boolean required) {
    check(name, List.of(length), required);
  }

  private void matrix(String name, long columns, long rows, boolean required) {
    check(name, List.of(columns, rows), required);
  }

  private void check(String name, List<Long> shape, boolean required) {
    known.add(name);
    TensorInfo tensor = file.tensor(name).orElse(null);
    if (tensor == null) {
      if (required) {
        problems.add("tensor " + name + " is missing");
      }
      return;
    }
    if (!tensor.shape().equals(shape)) {
      problems.add("tensor %s has shape %s instead of %s".formatted(name, tensor.shape(), shape));
    }
    if (WeightFormat.of(tensor.type()).isEmpty()) {
      problems.add(
          "tensor %s has the weight format %s, which is not supported; supported: %s"
              .formatted(name, tensor.type(), supportedFormats()));
    }
  }

  private static String supportedFormats() {
    return WeightFormat.supported().stream().map(GgmlType::name).collect(Collectors.joining(" "));
  }

  private void checkOthers() {
    for (TensorInfo tensor : file.tensors()) {
      if (!known.contains(tensor.name())) {
        String kind = tensor.name().endsWith(".bias") ? "a bias" : "an additional tensor";
        problems.add(
            "tensor %s is %s, which is not supported; Llama's weight matrices and norms are"
                .formatted(tensor.name(), kind));
      }
    }
  }
}
