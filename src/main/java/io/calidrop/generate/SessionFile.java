package io.calidrop.generate;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.StateStreams;
import io.calidrop.attention.StateTransfer;
import io.calidrop.model.InferenceSession;
import io.calidrop.tensor.VectorShape;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A session and the tokens that it holds in a file. Threads may share it, not the sessions.
 *
 * <p>A file belongs to the model and the cache that it was saved with, on a machine with the same
 * vectors; another is refused, and so is a damaged one.
 */
public final class SessionFile {
  private static final byte[] MAGIC = "calidrop session 4\n".getBytes(StandardCharsets.US_ASCII);
  private static final int MOST_OWNER_BYTES = 1 << 16;

  private final Engine engine;
  private final CacheOptions cache;
  private final byte[] owner;

  /**
   * What a file holds, its session aside.
   *
   * @param tokens that the session holds
   * @param prompt how many of them were asked with
   */
  public record Held(int[] tokens, int prompt) {}

  /**
   * @param engine whose sessions are saved
   * @param cache how these keep their keys and values
   */
  public SessionFile(Engine engine, CacheOptions cache) throws IOException {
    this.engine = engine;
    this.cache = cache;
    String name =
        "%s, %d bytes, %s, context %d, vectors of %d bits"
            .formatted(
                engine.path().getFileName(),
                Files.size(engine.path()),
                cache,
                engine.contextLength(),
                VectorShape.bits());
    owner = name.getBytes(StandardCharsets.UTF_8);
  }

  /** Writes a session; the file is there whole or not at all. */
  public void save(InferenceSession session, Held held, Path file) throws IOException {
    SealedFile.write(
        file,
        MAGIC,
        state -> {
          state.number(owner.length);
          state.bytes(owner, owner.length);
          state.number(held.prompt());
          state.number(held.tokens().length);
          state.ints(held.tokens(), held.tokens().length);
          session.transfer(state);
        });
  }

  /**
   * Deletes what is left in a directory of files whose writers were killed; nobody writes there.
   */
  public static void deleteUnfinished(Path directory) throws IOException {
    SealedFile.deleteUnfinished(directory);
  }

  /**
   * What a file holds, without reading all of it: whether it is damaged, {@link #load} says.
   *
   * @throws IOException if it is of another model or cache, or none
   */
  public Held peek(Path file) throws IOException {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
      return held(in, file);
    } catch (UncheckedIOException | IllegalArgumentException e) {
      throw new IOException(file + " is damaged: " + e.getMessage(), e);
    }
  }

  /**
   * The session of a file.
   *
   * @throws IOException if it is of another model or cache, none, or damaged
   */
  public InferenceSession load(Path file) throws IOException {
    SealedFile.verify(file, MAGIC, "is no session that this version can read");
    InferenceSession session = engine.model().newSession(engine.contextLength(), cache);
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
      Held held = held(in, file);
      session.transfer(StateStreams.from(in));
      if (session.position() != held.tokens().length) {
        throw new IOException(file + " is damaged: it holds other tokens than it says");
      }
      return session;
    } catch (UncheckedIOException | IllegalArgumentException e) {
      session.close();
      throw new IOException(file + " is damaged: " + e.getMessage(), e);
    } catch (IOException | RuntimeException e) {
      session.close();
      throw e;
    }
  }

  private Held held(InputStream in, Path file) throws IOException {
    in.skipNBytes(MAGIC.length);
    StateTransfer state = StateStreams.from(in);
    byte[] name = new byte[state.count("bytes of a name", 0, MOST_OWNER_BYTES)];
    state.bytes(name, name.length);
    if (!Arrays.equals(name, owner)) {
      throw new IOException(file + " was saved with another model or cache");
    }
    int prompt = state.count("tokens of a prompt", 0, Integer.MAX_VALUE);
    int[] tokens = new int[state.count("tokens", 0, Files.size(file) / Integer.BYTES)];
    state.ints(tokens, tokens.length);
    return new Held(tokens, Math.min(prompt, tokens.length));
  }
}
