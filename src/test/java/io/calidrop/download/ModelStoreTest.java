package io.calidrop.download;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelStoreTest {
  @TempDir Path directory;
  private ModelStore store;

  @BeforeEach
  void open() {
    store = new ModelStore(directory);
  }

  @Test
  void listsModelsByName() throws IOException {
    Path b = Files.createFile(directory.resolve("b.gguf"));
    Path a = Files.createFile(directory.resolve("a.gguf"));
    Files.createFile(directory.resolve("c.gguf.part"));
    Files.createFile(directory.resolve("notes.txt"));
    Files.createDirectory(directory.resolve("d.gguf"));
    assertThat(store.list()).containsExactly(a, b);
  }

  @Test
  void listsNothingWhereThereIsNoDirectory() throws IOException {
    assertThat(new ModelStore(directory.resolve("none")).list()).isEmpty();
  }

  @Test
  void resolvesAPathAndANameWithOrWithoutSuffix() throws IOException {
    Path model = Files.createFile(directory.resolve("m.gguf"));
    assertThat(store.resolve(model.toString())).isEqualTo(model);
    assertThat(store.resolve("m.gguf")).isEqualTo(model);
    assertThat(store.resolve("m")).isEqualTo(model);
  }

  @Test
  void aDirectoryHidesNoModelOfItsName() throws IOException {
    Files.createDirectory(directory.resolve("m"));
    Path model = Files.createFile(directory.resolve("m.gguf"));
    assertThat(store.resolve("m")).isEqualTo(model);
  }

  @Test
  void saysWhereItLookedForAModelThatIsNotThere() {
    assertThatThrownBy(() -> store.resolve("absent"))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("absent")
        .hasMessageContaining(directory.toString());
  }

  @Test
  void refusesADirectoryAsAModel() {
    assertThatThrownBy(() -> store.resolve(directory.toString()))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining(directory.toString());
  }

  @Test
  void hasTheDefaultModelOnceItsFileIsThere() throws IOException {
    assertThat(store.hasDefaultModel()).isFalse();
    Files.createFile(directory.resolve(DefaultModel.FILE_NAME));
    assertThat(store.hasDefaultModel()).isTrue();
  }
}
