package io.calidrop;

import io.calidrop.bench.RandomModel;
import io.calidrop.gguf.GgufFile;
import io.calidrop.model.LoadOptions;
import io.calidrop.model.ModelLoader;
import io.calidrop.model.Transformer;
import java.io.IOException;
import java.nio.file.Path;

/** A model of random weights in the smallest shape, loaded with two threads. */
public final class TinyModel implements AutoCloseable {
  private final GgufFile file;
  private final Transformer model;

  public TinyModel(RandomModel.Mix mix, Path directory) throws IOException {
    Path path = directory.resolve("tiny-" + mix + ".gguf");
    new RandomModel(RandomModel.Shape.STINY, mix).write(path);
    file = GgufFile.open(path);
    model = ModelLoader.load(file, new LoadOptions(2, false));
  }

  public Transformer model() {
    return model;
  }

  @Override
  public void close() {
    model.close();
    file.close();
  }
}
