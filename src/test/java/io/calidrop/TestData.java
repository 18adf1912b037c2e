package io.calidrop;

import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.models.ModelStore;
import io.calidrop.models.ProgressListener;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.opentest4j.TestAbortedException;

/**
 * Data that tests compare with or run on: this project's own references, more of them beside the
 * checkout where they are, and the default model.
 */
public final class TestData {
  private static final Path SHARED = Path.of("..", "shared");

  /** How the message of a test begins that is skipped without the default model. */
  static final String NO_DEFAULT_MODEL = "the default model could not be fetched";

  private static final FutureTask<Path> DEFAULT_MODEL =
      new FutureTask<>(() -> new ModelStore(Path.of("models")).defaultModel(ProgressListener.NONE));

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

  /** A file of this project's own references, as JSON. */
  public static JsonNode reference(String name) {
    try (InputStream in = TestData.class.getResourceAsStream("reference/" + name)) {
      return new ObjectMapper().readTree(in);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** A file for all tests of this JVM, which goes with it. */
  static Path temporary(String name) {
    try {
      Path directory = Files.createTempDirectory("calidrop-test-");
      directory.toFile().deleteOnExit();
      Path path = directory.resolve(name);
      path.toFile().deleteOnExit();
      return path;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** The default model, fetched if it is not there; the test is skipped where that fails. */
  public static synchronized Path smolLm2() {
    Thread.ofVirtual().start(DEFAULT_MODEL); // the first time; a task runs once
    try {
      return DEFAULT_MODEL.get(5, TimeUnit.MINUTES);
    } catch (ExecutionException e) {
      throw new TestAbortedException(NO_DEFAULT_MODEL + " (" + e.getCause().getMessage() + ")");
    } catch (TimeoutException | CancellationException | InterruptedException e) {
      DEFAULT_MODEL.cancel(true);
      throw new TestAbortedException(NO_DEFAULT_MODEL + " (within five minutes)");
    }
  }

  /** A second real model: used if it is there and skipped if not. */
  public static Path gemma3() {
    Path path = Path.of("models", "gemma-3-270M-Q4_K_M.gguf");
    if (!Files.exists(path)) {
      abort("skipped: models/ does not hold gemma-3-270M-Q4_K_M.gguf");
    }
    return path;
  }
}
