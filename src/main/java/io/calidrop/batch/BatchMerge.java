package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/** Joins the results of shards in the order of their input, and checks that none is missing. */
public final class BatchMerge {
  private static final ObjectMapper JSON = new ObjectMapper();

  private BatchMerge() {}

  /** The next result of a shard. */
  private static final class Head {
    private final Path file;
    private final BufferedReader lines;
    private String line;
    private String id;

    Head(Path file) throws IOException {
      this.file = file;
      lines = Files.newBufferedReader(file, StandardCharsets.UTF_8);
      advance();
    }

    void advance() throws IOException {
      line = lines.readLine();
      id = null;
      if (line != null) {
        JsonNode node = JSON.readTree(line);
        if (!node.hasNonNull("id")) {
          throw new IOException(file + " holds something that is no result of a batch");
        }
        id = node.get("id").asText();
      }
    }
  }

  /**
   * Merges; the output is there whole or not at all.
   *
   * @param input of the batch, whose requests give the order
   * @return how many results there are
   * @throws IOException if a result is missing, or there is one too many
   */
  public static long merge(BatchInput input, List<Path> shards, Path out) throws IOException {
    List<Head> heads = new ArrayList<>();
    Path temporary = Files.createTempFile(out.toAbsolutePath().getParent(), ".merge-", ".tmp");
    try {
      for (Path shard : shards) {
        heads.add(new Head(shard));
      }
      long count = 0;
      try (BufferedWriter writer = Files.newBufferedWriter(temporary)) {
        for (BatchRequest request = input.next(Shard.ALL);
            request != null;
            request = input.next(Shard.ALL)) {
          Head head = head(heads, request);
          writer.write(head.line);
          writer.write('\n');
          head.advance();
          count++;
        }
      }
      for (Head head : heads) {
        if (head.id != null) {
          throw new IOException(
              "%s holds a result of %s, which comes twice or is not in the input"
                  .formatted(head.file, head.id));
        }
      }
      Files.move(
          temporary, out, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      return count;
    } finally {
      for (Head head : heads) {
        head.lines.close();
      }
      Files.deleteIfExists(temporary);
    }
  }

  private static Head head(List<Head> heads, BatchRequest request) throws IOException {
    for (String id : List.of(request.id(), request.repeatedId())) {
      for (Head head : heads) {
        if (id.equals(head.id)) {
          return head;
        }
      }
    }
    throw new IOException(
        "there is no result of %s (line %d): let every shard finish (--resume), and give all of them"
            .formatted(request.id(), request.line()));
  }
}
