package io.calidrop.cli;

import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.model.ModelInspection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;

/** Lists the models of the models directory. */
@Command(
    name = "list",
    description = "Lists the models on this machine.",
    footer = {"", "Examples:", "  ./run.sh list", "  ./run.sh list --format json"})
final class ListCommand implements Callable<Integer> {
  @ParentCommand private CalidropCommand parent;
  @Mixin private HelpFlag help;
  @Mixin private StoreFlags store;

  @Mixin private TableFlags table;

  @Override
  public Integer call() throws IOException {
    List<Map<String, Object>> models = new ArrayList<>();
    for (Path file : store.open().list()) {
      models.add(describe(file));
    }
    if (models.isEmpty()) {
      parent
          .io()
          .err()
          .println("no models in " + store.open().directory() + "; `pull` fetches one");
    }
    table.print(
        parent.io().out(),
        table.isJson() ? models : models.stream().map(ListCommand::readable).toList());
    return ExitCode.OK;
  }

  private static Map<String, Object> readable(Map<String, Object> model) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("name", model.get("name"));
    row.put("size", Sizes.bytes((Long) model.get("bytes")));
    row.put("type", model.get("type"));
    row.put("parameters", Sizes.count((Long) model.get("parameters")));
    row.put("path or problem", model.getOrDefault("problem", model.get("path")));
    return row;
  }

  private static Map<String, Object> describe(Path file) throws IOException {
    Map<String, Object> model = new LinkedHashMap<>();
    model.put("name", file.getFileName().toString());
    model.put("path", file.toAbsolutePath().normalize().toString());
    model.put("bytes", Files.size(file));
    try (GgufFile gguf = GgufFile.open(file)) {
      ModelInspection inspection = ModelInspection.of(gguf);
      model.put("type", inspection.format());
      model.put("parameters", inspection.parameters());
      if (!inspection.problems().isEmpty()) {
        model.put("problem", inspection.problems().getFirst());
      }
    } catch (ModelFormatException e) {
      model.put("type", "");
      model.put("parameters", 0L);
      model.put("problem", e.getMessage());
    }
    return model;
  }
}
