package io.calidrop.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * An open GGUF file of version 2 or 3, memory-mapped. Threads may share it; it is closed when none
 * reads it any more.
 */
public final class GgufFile implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;
  private final Arena arena;
  private final MemorySegment mapping;
  private final int version;
  private final Metadata metadata;
  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();

  private GgufFile(Path path, FileChannel channel, Arena arena) throws IOException {
    this.path = path;
    this.channel = channel;
    this.arena = arena;
    this.mapping = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    GgufReader reader = new GgufReader(path.toString(), mapping);
    version = reader.version();
    metadata = reader.metadata();
    for (TensorInfo tensor : reader.tensors()) {
      tensors.put(tensor.name(), tensor);
    }
  }

  /**
   * Opens a file and checks all of it but the weights themselves.
   *
   * @throws ModelFormatException with one line for the user, if it cannot be read or is no GGUF
   *     file
   */
  public static GgufFile open(Path path) {
    if (Files.isDirectory(path)) {
      throw new ModelFormatException(path + " is a directory, not a GGUF file");
    }
    FileChannel channel = null;
    Arena arena = Arena.ofShared();
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
      return new GgufFile(path, channel, arena);
    } catch (NoSuchFileException e) {
      close(arena, channel);
      throw new ModelFormatException(path + " does not exist", e);
    } catch (AccessDeniedException e) {
      close(arena, channel);
      throw new ModelFormatException(path + " may not be read by this user", e);
    } catch (IOException e) {
      close(arena, channel);
      throw new ModelFormatException("cannot read %s: %s".formatted(path, e.getMessage()), e);
    } catch (RuntimeException | Error e) {
      close(arena, channel);
      throw e;
    }
  }

  private static void close(Arena arena, FileChannel channel) {
    arena.close();
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        throw new ModelFormatException("cannot close the file: " + e.getMessage(), e);
      }
    }
  }

  public Path path() {
    return path;
  }

  public int version() {
    return version;
  }

  /** Bytes of the file. */
  public long fileSize() {
    return mapping.byteSize();
  }

  public Metadata metadata() {
    return metadata;
  }

  /** The tensors in the order of the file. */
  public List<TensorInfo> tensors() {
    return List.copyOf(tensors.values());
  }

  public Optional<TensorInfo> tensor(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  /** A tensor's data, valid as long as the file is open. */
  public MemorySegment data(TensorInfo tensor) {
    return mapping.asSlice(tensor.offset(), tensor.byteSize());
  }

  /**
   * A part of a tensor's data mapped anew: once the arena is closed none of its pages count as
   * resident memory of the process.
   *
   * @param offset of the part's first byte within the tensor
   */
  public MemorySegment map(TensorInfo tensor, long offset, long bytes, Arena arena) {
    Objects.checkFromIndexSize(offset, bytes, tensor.byteSize());
    try {
      return channel.map(FileChannel.MapMode.READ_ONLY, tensor.offset() + offset, bytes, arena);
    } catch (IOException e) {
      throw new ModelFormatException(
          "cannot map tensor %s of %s: %s".formatted(tensor.name(), path, e.getMessage()), e);
    }
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      close(arena, channel);
    }
  }
}
