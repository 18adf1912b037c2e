package io.calidrop.serve;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.download.Checksum;
import io.calidrop.generate.RecommendedSampling;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.model.ModelInspection;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.sampling.SamplerOptions.Parameter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Locale;
import java.util.stream.Collectors;

/** What files of models say of themselves, as Ollama's API writes it; never where they are. */
final class ModelFiles {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private final Models models;

  ModelFiles(Models models) {
    this.models = models;
  }

  /** A model in a list. */
  ObjectNode tag(String name) throws IOException {
    Path file = models.file(name);
    long bytes = Files.size(file);
    Instant modified = Files.getLastModifiedTime(file).toInstant();
    ObjectNode tag =
        JSON.objectNode()
            .put("name", name)
            .put("model", name)
            .put("modified_at", modified.toString())
            .put("size", bytes)
            .put("digest", digest(name + '\n' + bytes + '\n' + modified));
    tag.set("details", describe(file).details());
    return tag;
  }

  /** A word for a file as it is, since its own digest would take its reading. */
  private static String digest(String text) {
    return HexFormat.of()
        .formatHex(Checksum.newDigest().digest(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** A model alone. */
  ObjectNode show(String name) throws IOException {
    Path file = models.file(name);
    Description description = describe(file);
    ObjectNode model =
        JSON.objectNode()
            .put("modelfile", "FROM " + name)
            .put("parameters", description.parameters())
            .put("template", description.template())
            .put("modified_at", Files.getLastModifiedTime(file).toInstant().toString());
    model.set("details", description.details());
    model.set("model_info", description.info());
    model.putArray("capabilities").add("completion");
    return model;
  }

  private record Description(
      ObjectNode details, ObjectNode info, String parameters, String template) {}

  private static Description describe(Path file) {
    ObjectNode details =
        JSON.objectNode().put("parent_model", "").put("format", "gguf").put("family", "");
    ObjectNode info = JSON.objectNode();
    String parameters = "";
    String template = "";
    try (GgufFile gguf = GgufFile.open(file)) {
      Metadata metadata = gguf.metadata();
      ModelInspection inspection = ModelInspection.of(gguf);
      String family = metadata.string("general.architecture", "");
      details.put("family", family);
      details.putArray("families").add(family);
      details.put("parameter_size", size(inspection.parameters()));
      details.put("quantization_level", inspection.format());
      for (String key : metadata.keys()) {
        metadata.value(key).ifPresent(value -> put(info, key, value.value()));
      }
      info.put("general.parameter_count", inspection.parameters());
      parameters = parameters(RecommendedSampling.of(metadata).options());
      template = metadata.string("tokenizer.chat_template", "");
    } catch (ModelFormatException e) {
      // it says as much as it can
    }
    return new Description(details, info, parameters, template);
  }

  private static String size(long parameters) {
    double millions = parameters / 1e6;
    return millions < 1000
        ? String.format(Locale.ROOT, "%.1fM", millions)
        : String.format(Locale.ROOT, "%.1fB", millions / 1000);
  }

  /** How the file recommends to draw tokens: a line for each parameter, as in a Modelfile. */
  private static String parameters(SamplerOptions recommended) {
    return recommended.given().entrySet().stream()
        .map(
            entry -> {
              Parameter parameter = entry.getKey();
              String name = parameter.toString().replaceAll("[ -]", "_");
              return "%-30s %s".formatted(name, parameter.shown(entry.getValue()));
            })
        .collect(Collectors.joining("\n"));
  }

  /** Numbers, flags and short texts; vocabularies are left out. */
  private static void put(ObjectNode info, String key, Object value) {
    switch (value) {
      case Boolean flag -> info.put(key, flag);
      case Float number -> info.put(key, number);
      case Double number -> info.put(key, number);
      case Number number -> info.put(key, number.longValue());
      case String text when !key.equals("tokenizer.chat_template") -> info.put(key, text);
      default -> {}
    }
  }
}
