package io.calidrop.model;

import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.gguf.TensorInfo;
import io.calidrop.model.family.Architecture.Presence;
import io.calidrop.tensor.Matrix;
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
public final class ModelSupport implements TensorSource {
  private static final int MOST_PROBLEMS = 100;

  /** Written by old converters, used by nobody. */
  private static final String UNUSED = ".attn_rot_embd.weight";

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
    try {
      new WeightReader(LlamaConfigReader.read(file), this).visit();
    } catch (ModelFormatException e) {
      problems.add(e.getMessage().replace(file.path() + ": ", ""));
      return;
    } catch (TooManyProblems e) {
      return;
    }
    checkOthers();
  }

  /** A file that claims a million layers. */
  private static final class TooManyProblems extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  @Override
  public float[] vector(TensorSpec tensor) {
    check(tensor);
    return null;
  }

  @Override
  public Matrix rows(TensorSpec tensor, int from, int count) {
    check(tensor);
    return null;
  }

  @Override
  public TokenEmbedding embedding(TensorSpec tensor) {
    check(tensor);
    return null;
  }

  private void check(TensorSpec spec) {
    if (!known.add(spec.name())) {
      return;
    }
    if (problems.size() > MOST_PROBLEMS) {
      throw new TooManyProblems();
    }
    TensorInfo tensor = file.tensor(spec.name()).orElse(null);
    if (tensor == null) {
      if (spec.presence() == Presence.ALWAYS) {
        problems.add("tensor " + spec.name() + " is missing");
      }
      return;
    }
    if (!tensor.shape().equals(spec.shape()) && !isPadded(tensor, spec)) {
      problems.add(
          "tensor %s has shape %s instead of %s"
              .formatted(tensor.name(), tensor.shape(), spec.shape()));
    }
    if (WeightFormat.of(tensor.type()).isEmpty()) {
      problems.add(
          "tensor %s has the weight format %s, which is not supported; supported: %s"
              .formatted(tensor.name(), tensor.type(), supportedFormats()));
    }
  }

  /** Whether a matrix has its rows and perhaps more; where it has fewer, says so. */
  private boolean isPadded(TensorInfo tensor, TensorSpec spec) {
    if (!spec.padded() || tensor.columns() != spec.shape().getFirst()) {
      return false;
    }
    long tokens = spec.shape().getLast();
    if (tensor.rows() < tokens) {
      problems.add(
          "tensor %s has %d rows for a vocabulary of %d tokens: convert the model again"
              .formatted(tensor.name(), tensor.rows(), tokens));
    }
    return true;
  }

  private static String supportedFormats() {
    return WeightFormat.supported().stream().map(GgmlType::name).collect(Collectors.joining(" "));
  }

  private void checkOthers() {
    for (TensorInfo tensor : file.tensors()) {
      if (!known.contains(tensor.name()) && !tensor.name().endsWith(UNUSED)) {
        String kind = tensor.name().endsWith(".bias") ? "a bias" : "an additional tensor";
        problems.add(
            "tensor %s is %s, which is not supported in %s models"
                .formatted(tensor.name(), kind, file.metadata().string("general.architecture")));
      }
    }
  }
}
