package io.calidrop.generate;

import io.calidrop.attention.KvType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.model.LoadOptions;
import io.calidrop.model.ModelLoader;
import io.calidrop.model.Transformer;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Tokenizers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * A smaller model that guesses the tokens of a larger one. What it has read of sequences that are
 * done is kept, so that the next turn of a conversation goes on from there. Threads may share it.
 */
final class DraftModel implements AutoCloseable {
  private final GgufFile file;
  private final Transformer model;
  private final List<DraftSession> free = new ArrayList<>();

  private DraftModel(GgufFile file, Transformer model) {
    this.file = file;
    this.model = model;
  }

  /**
   * Loads a file.
   *
   * @param vocabulary of the model whose tokens are guessed
   * @throws IllegalArgumentException if the file's is another
   */
  static DraftModel load(Path path, Tokenizer vocabulary, LoadOptions options) {
    GgufFile file = GgufFile.open(path);
    try {
      requireSame(vocabulary, Tokenizers.from(file.metadata()), path);
      return new DraftModel(file, ModelLoader.load(file, options));
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private static void requireSame(Tokenizer model, Tokenizer draft, Path path) {
    if (model.vocabularySize() != draft.vocabularySize()) {
      throw other(
          path, "%d tokens, not %d".formatted(draft.vocabularySize(), model.vocabularySize()));
    }
    for (int token = 0; token < model.vocabularySize(); token++) {
      if (!model.piece(token).equals(draft.piece(token))) {
        throw other(
            path,
            "as token %d \"%s\", not \"%s\""
                .formatted(token, draft.piece(token), model.piece(token)));
      }
    }
  }

  private static IllegalArgumentException other(Path path, String difference) {
    return new IllegalArgumentException(
        "%s cannot draft: its vocabulary has %s; take a smaller model of the same family"
            .formatted(path, difference));
  }

  /**
   * Reads a prompt, to guess its continuation.
   *
   * @param lookup what the text repeats of itself, which goes first where it is sure
   */
  ModelDrafter drafter(PromptLookup lookup, int[] prompt, int length) {
    return new ModelDrafter(this, lookup, nearest(prompt, length), prompt, length);
  }

  /** A session that holds as much of a prompt as there is, or nothing. */
  private synchronized DraftSession nearest(int[] prompt, int length) {
    Optional<DraftSession> nearest =
        free.stream().max(Comparator.comparingInt(s -> s.common(0, prompt, length)));
    nearest.ifPresent(free::remove);
    int context = model.config().contextLength();
    return nearest.orElseGet(() -> new DraftSession(model, model.newSession(context, KvType.F16)));
  }

  synchronized void release(DraftSession session) {
    free.add(session);
  }

  @Override
  public void close() {
    model.close();
    file.close();
  }
}
