package io.calidrop.fuzz;

import io.calidrop.MicroModel;
import io.calidrop.attention.KvType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.LoadOptions;
import io.calidrop.model.ModelInspection;
import io.calidrop.model.ModelLoader;
import io.calidrop.model.Transformer;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Damaged models are refused with a reason, or run. */
class GgufFuzzTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"smollm", MicroModel.SENTENCE_PIECE})
  void aDamagedModelIsRefusedOrRuns(String name) throws IOException {
    MicroModel.open(name, directory).close();
    byte[] whole = Files.readAllBytes(directory.resolve(name + ".gguf"));
    Fuzz.check(whole, Set.of(ModelFormatException.class), this::use);
  }

  private void use(byte[] bytes) throws IOException {
    Path path = Files.write(directory.resolve("damaged.gguf"), bytes);
    try (GgufFile file = GgufFile.open(path)) {
      ModelInspection.of(file);
      Tokenizer tokenizer = Tokenizers.from(file.metadata());
      int[] tokens = tokenizer.encode("The capital<|im_end|> é", true);
      tokenizer.decode(tokens);
      try (Transformer model = ModelLoader.load(file, new LoadOptions(1, true))) {
        int context = Math.min(16, model.config().contextLength());
        try (InferenceSession session = model.newSession(context, KvType.F16)) {
          model.forward(session, new int[] {0}, 0, 1, true);
        }
      }
    } finally {
      Files.delete(path);
    }
  }
}
