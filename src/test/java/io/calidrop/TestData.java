package io.calidrop;

import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.models.ModelStore;
import io.calidrop.models.ProgressListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Data that tests use where it is there: reference files beside the checkout, and the default
 * model.
 */
public final class TestData {
  private static final Path SHARED = Path.of("..", "shared");

  private TestData() {}

  /** A file of the reference data; the test is skipped where it is absent. */
  public static Path shared(String relative) {
    Path path = SHARED.resolve(relative);
    if (!Files.exists(path)) {
      abort("skipped: the reference data " + path + " is absent");
    }
    return path;
  }

  public static JsonNode sharedJson(String relative) {
    try {
      return new ObjectMapper().readTree(shared(relative).toFile());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  public static int[] ints(JsonNode array) {
    int[] ints = new int[array.size()];
    for (int i = 0; i < ints.length; i++) {
      ints[i] = array.get(i).intValue();
    }
    return ints;
  }

  /**
   * The default model: fetched where CI is set, otherwise used if it is there and skipped if not.
   */
  public static Path smolLm2() {
    ModelStore store = new ModelStore(Path.of("models"));
    if (!store.hasDefaultModel() && System.getenv("CI") == null) {
      abort("skipped: models/ does not hold the default model; ./run.sh pull fetches it");
    }
    try {
      return store.defaultModel(ProgressListener.NONE);
    } catch (IOException e) {
      throw new AssertionError("the default model cannot be fetched", e);
    }
  }
}
