package io.calidrop.batch;

import io.calidrop.text.Utf8Lines;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Joins results in the order of their input, and checks that none is missing. The results
 * themselves stay on disk; what is held of each is its id and where it is.
 */
public final class BatchMerge {
  private BatchMerge() {}

  /**
   * Where a result is.
   *
   * @param file index of its shard
   * @param offset in bytes
   * @param length in bytes
   */
  private record Place(int file, long offset, int length) {}

  /**
   * Merges; the output is there whole or not at all.
   *
   * @param input of the batch, whose requests give the order
   * @param shards results in any order
   * @return how many results there are
   * @throws IOException if a result is missing, or there is one too many
   */
  public static long merge(BatchInput input, List<Path> shards, Path out) throws IOException {
    Map<BatchId, Deque<Place>> places = places(shards);
    RandomAccessFile[] files = new RandomAccessFile[shards.size()];
    Path temporary = Files.createTempFile(out.toAbsolutePath().getParent(), ".merge-", ".tmp");
    try {
      for (int i = 0; i < files.length; i++) {
        files[i] = new RandomAccessFile(shards.get(i).toFile(), "r");
      }
      long count = 0;
      try (OutputStream writer = new BufferedOutputStream(Files.newOutputStream(temporary))) {
        for (BatchRequest request = input.next(Shard.ALL);
            request != null;
            request = input.next(Shard.ALL)) {
          Place place = take(places, request);
          byte[] line = new byte[place.length()];
          files[place.file()].seek(place.offset());
          files[place.file()].readFully(line);
          writer.write(line);
          writer.write('\n');
          count++;
        }
      }
      for (Map.Entry<BatchId, Deque<Place>> left : places.entrySet()) {
        throw new IOException(
            "%s holds a result of %s, which comes twice or is not in the input"
                .formatted(shards.get(left.getValue().getFirst().file()), left.getKey().text()));
      }
      Files.move(
          temporary, out, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      return count;
    } finally {
      for (RandomAccessFile file : files) {
        if (file != null) {
          file.close();
        }
      }
      Files.deleteIfExists(temporary);
    }
  }

  private static Map<BatchId, Deque<Place>> places(List<Path> shards) throws IOException {
    Map<BatchId, Deque<Place>> places = new LinkedHashMap<>();
    for (int i = 0; i < shards.size(); i++) {
      Path file = shards.get(i);
      if (Files.exists(file) && !Files.isDirectory(file) && !Files.isRegularFile(file)) {
        throw new IOException(file + " can be read only once: results are merged from files");
      }
      try (Utf8Lines lines = new Utf8Lines(file)) {
        for (byte[] line = lines.nextBytes(); line != null; line = lines.nextBytes()) {
          BatchId id =
              StoredResult.of(lines.decode(line)).orElseThrow(() -> notFinished(file)).id();
          places
              .computeIfAbsent(id, first -> new ArrayDeque<>(1))
              .add(new Place(i, lines.offset(), line.length));
        }
      }
    }
    return places;
  }

  private static IOException notFinished(Path file) {
    return new IOException(
        file + " holds something that is no result of a batch: let it finish (--resume)");
  }

  /** The place of a request's result, which no other request gets. */
  private static Place take(Map<BatchId, Deque<Place>> places, BatchRequest request)
      throws IOException {
    for (BatchId id : List.of(request.id(), request.repeatedId())) {
      Deque<Place> found = places.get(id);
      if (found != null) {
        Place place = found.poll();
        if (found.isEmpty()) {
          places.remove(id);
        }
        return place;
      }
    }
    throw new IOException(
        "there is no result of %s (line %d): let every shard finish (--resume), and give all of them"
            .formatted(request.id().text(), request.line()));
  }
}
