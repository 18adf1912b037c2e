package io.calidrop.cli;

import io.calidrop.attention.KvType;
import io.calidrop.generate.RecommendedSampling;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.gguf.TensorInfo;
import io.calidrop.model.ModelInspection;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.Array;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Shows what a GGUF file holds. */
@Command(
    name = "inspect",
    description = "Shows what a GGUF file holds and whether it can be run.",
    footer = {
      "",
      "Examples:",
      "  ./run.sh inspect model.gguf",
      "  ./run.sh inspect --json model.gguf",
      "  ./run.sh inspect --format csv model.gguf"
    })
final class InspectCommand implements Callable<Integer> {
  private static final int SHOWN_ELEMENTS = 4;
  private static final int SHOWN_CHARACTERS = 100;

  @ParentCommand private CalidropCommand parent;
  @Mixin private HelpFlag help;
  @Mixin private StoreFlags store;

  @Parameters(paramLabel = "FILE", description = "GGUF file, or a name in the models directory.")
  private String file;

  @Mixin private TableFlags table;

  @Override
  public Integer call() throws IOException {
    Path path = store.open().resolve(file);
    try (GgufFile gguf = GgufFile.open(path)) {
      ModelInspection inspection = ModelInspection.of(gguf);
      Findings findings = Findings.of(gguf, inspection);
      if (table.isJson()) {
        Json.print(parent.io().out(), describe(gguf, inspection, findings));
      } else if (table.isTable()) {
        print(parent.io().out(), gguf, inspection, findings);
      } else {
        table.print(parent.io().out(), tensors(gguf));
      }
    }
    return ExitCode.OK;
  }

  /**
   * What is to be said of a file beyond what it holds.
   *
   * @param problems what keeps it from running
   * @param warnings what is taken otherwise than the file says
   */
  private record Findings(List<String> problems, List<String> warnings) {
    static Findings of(GgufFile file, ModelInspection inspection) {
      List<String> problems = new ArrayList<>(inspection.problems());
      List<String> warnings = new ArrayList<>();
      try {
        warnings.addAll(Tokenizers.from(file.metadata()).notices());
      } catch (ModelFormatException e) {
        problems.add(e.getMessage().replace(file.path() + ": ", ""));
      }
      warnings.addAll(RecommendedSampling.of(file.metadata()).notices());
      return new Findings(problems, warnings);
    }
  }

  private static Map<String, Object> summary(GgufFile file, ModelInspection inspection) {
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("file", file.path().toString());
    summary.put("bytes", inspection.fileBytes());
    summary.put("gguf_version", file.version());
    summary.put("architecture", inspection.architecture());
    summary.put("name", inspection.name());
    summary.put("format", inspection.format());
    summary.put("parameters", inspection.parameters());
    inspection.config().ifPresent(config -> summary.put("context_length", config.contextLength()));
    inspection.config().ifPresent(config -> summary.put("vocabulary", config.vocabulary()));
    inspection
        .config()
        .filter(config -> config.experts().count() > 0)
        .ifPresent(
            config -> {
              summary.put("experts", config.experts().count());
              summary.put("experts_used", config.experts().used());
            });
    inspection.kvValues().ifPresent(values -> kvBytes(summary, "kv_bytes_per_token_", values));
    inspection
        .windowKvValues()
        .ifPresent(
            values -> {
              summary.put("window", inspection.config().orElseThrow().windows().tokens());
              kvBytes(summary, "kv_bytes_per_window_token_", values);
            });
    summary.put("tokenizer", inspection.tokenizer());
    summary.put("pre_tokenizer", inspection.preTokenizer());
    summary.put("chat_template", inspection.chatTemplate());
    SamplerOptions sampling = RecommendedSampling.of(file.metadata()).options();
    if (!sampling.given().isEmpty()) {
      summary.put("recommended_sampling", sampling.toString());
    }
    summary.put("tensor_bytes", inspection.bytesByType());
    return summary;
  }

  private static void kvBytes(Map<String, Object> summary, String name, long values) {
    for (KvType type : KvType.values()) {
      summary.put(name + type.name().toLowerCase(Locale.ROOT), type.bytes(values));
    }
  }

  private static Map<String, Object> describe(
      GgufFile file, ModelInspection inspection, Findings findings) {
    Map<String, Object> all = summary(file, inspection);
    all.put("unsupported", findings.problems());
    all.put("warnings", findings.warnings());
    Map<String, Object> metadata = new LinkedHashMap<>();
    for (String key : file.metadata().keys()) {
      metadata.put(key, file.metadata().value(key).map(InspectCommand::jsonValue).orElseThrow());
    }
    all.put("metadata", metadata);
    all.put("tensors", tensors(file));
    return all;
  }

  private static List<Map<String, Object>> tensors(GgufFile file) {
    List<Map<String, Object>> tensors = new ArrayList<>();
    for (TensorInfo tensor : file.tensors()) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("name", tensor.name());
      entry.put("type", tensor.type());
      entry.put("shape", tensor.shape());
      entry.put("offset", tensor.offset());
      entry.put("bytes", tensor.byteSize());
      tensors.add(entry);
    }
    return tensors;
  }

  /** A value for JSON; of an array of tokens only its length, as in the listing. */
  private static Object jsonValue(Metadata.Value value) {
    return value.elementType() == null ? value.value() : abbreviated(value);
  }

  private static void print(
      PrintStream out, GgufFile file, ModelInspection inspection, Findings findings) {
    summary(file, inspection).forEach((key, value) -> out.printf("%-32s %s%n", key, value));
    out.println();
    out.println("metadata");
    for (String key : file.metadata().keys()) {
      Metadata.Value value = file.metadata().value(key).orElseThrow();
      out.printf("  %-44s %s%n", key, abbreviated(value));
    }
    out.println();
    out.println("tensors");
    for (TensorInfo tensor : file.tensors()) {
      out.printf(
          "  %-36s %-7s %-20s %s%n",
          tensor.name(), tensor.type(), tensor.shape(), Sizes.bytes(tensor.byteSize()));
    }
    out.println();
    findings.warnings().forEach(warning -> out.println("warning: " + warning));
    if (findings.problems().isEmpty()) {
      out.println("supported");
    } else {
      out.println("not supported:");
      findings.problems().forEach(problem -> out.println("  " + problem));
    }
  }

  private static String abbreviated(Metadata.Value value) {
    String text;
    if (value.value() instanceof List<?> list) {
      text =
          list.size()
              + " x "
              + value.elementType()
              + " "
              + list.subList(0, Math.min(SHOWN_ELEMENTS, list.size()));
    } else if (value.value().getClass().isArray()) {
      int length = Array.getLength(value.value());
      List<Object> first = new ArrayList<>();
      for (int i = 0; i < Math.min(SHOWN_ELEMENTS, length); i++) {
        first.add(Array.get(value.value(), i));
      }
      text = length + " x " + value.elementType() + " " + first;
    } else {
      text = value.value().toString();
    }
    String line = text.replace("\n", "\\n").replaceAll("\\p{Cntrl}", "?");
    return line.length() <= SHOWN_CHARACTERS ? line : line.substring(0, SHOWN_CHARACTERS) + "...";
  }
}
