package io.calidrop.generate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.attention.StateStreams;
import io.calidrop.attention.StateTransfer;
import io.calidrop.generate.ChatSession.Turn;
import io.calidrop.tensor.VectorShape;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A conversation in a file: magic and version, a JSON header with the messages, the tokens, the
 * cache with its calibration, and the SHA-256 of all of that. It is written beside its place and
 * moved there whole; a damaged one is refused before anything is changed. Threads may share it, not
 * the conversations.
 */
public final class ChatFile {
  private static final byte[] MAGIC = "calidrop chat 5\n".getBytes(StandardCharsets.US_ASCII);
  private static final int MOST_HEADER_BYTES = 1 << 28;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String model;
  private final String cache;

  /**
   * @param engine whose model and cache options a file must have been saved with
   */
  public ChatFile(Engine engine) throws IOException {
    model = engine.path().getFileName() + ", " + Files.size(engine.path()) + " bytes";
    cache = engine.cacheOptions() + ", context " + engine.contextLength();
  }

  /** Writes a conversation; the file is there whole or not at all. */
  public void save(ChatSession chat, Path file) throws IOException {
    chat.settle();
    byte[] header = JSON.writeValueAsBytes(header(chat));
    SealedFile.write(
        file,
        MAGIC,
        state -> {
          state.number(header.length);
          state.bytes(header, header.length);
          int[] tokens = chat.tokens();
          state.number(tokens.length);
          state.ints(tokens, tokens.length);
          chat.transfer(state);
        });
  }

  private ObjectNode header(ChatSession chat) {
    ObjectNode header = JSON.createObjectNode();
    header.put("model", model);
    header.put("cache", cache);
    header.put("vectorBits", VectorShape.bits());
    header.put("draws", chat.draws());
    chat.system().ifPresent(text -> header.put("system", text));
    ArrayNode turns = header.putArray("turns");
    for (Turn turn : chat.turns()) {
      turns
          .addObject()
          .put("question", turn.question().content())
          .put("answer", turn.answer().content())
          .put("start", turn.start());
    }
    return header;
  }

  /**
   * Replaces a conversation by a saved one.
   *
   * @return whether the cache came from the file; if not, it was saved on a machine with other
   *     vectors, and the next turn computes it
   * @throws IOException if the file is damaged, or of another version, model or cache; the
   *     conversation is then as it was, or empty if the cache in a file of the right checksum is
   *     none
   */
  public boolean load(ChatSession chat, Path file) throws IOException {
    SealedFile.verify(
        file, MAGIC, "is no conversation that this version can read: /save writes one");
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
      in.skipNBytes(MAGIC.length);
      StateTransfer state = StateStreams.from(in);
      long most = Math.min(MOST_HEADER_BYTES, Files.size(file));
      byte[] bytes = new byte[state.count("header bytes", 0, most)];
      state.bytes(bytes, bytes.length);
      JsonNode header = JSON.readTree(bytes);
      require(file, "model", header, model);
      require(file, "cache", header, cache);
      int[] tokens = new int[state.count("tokens", 0, Files.size(file) / Integer.BYTES)];
      state.ints(tokens, tokens.length);
      List<Turn> turns = new ArrayList<>();
      for (JsonNode turn : header.required("turns")) {
        turns.add(
            new Turn(
                ChatMessage.user(turn.required("question").asText()),
                ChatMessage.assistant(turn.required("answer").asText()),
                turn.required("start").asInt()));
      }
      boolean sameVectors = header.required("vectorBits").asInt() == VectorShape.bits();
      chat.restore(
          header.path("system").textValue(),
          turns,
          header.required("draws").asLong(),
          tokens,
          sameVectors ? state : null);
      return sameVectors;
    } catch (JsonProcessingException | UncheckedIOException | IllegalArgumentException e) {
      throw new IOException(file + " is damaged: " + e.getMessage(), e);
    }
  }

  private static void require(Path file, String what, JsonNode header, String expected)
      throws IOException {
    String saved = header.path(what).asText();
    if (!saved.equals(expected)) {
      throw new IOException(
          "%s was saved with another %s: %s; now there is %s"
              .formatted(file, what, saved, expected));
    }
  }
}
