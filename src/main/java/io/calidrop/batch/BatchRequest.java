package io.calidrop.batch;

import io.calidrop.generate.ChatMessage;
import io.calidrop.generate.GenerationOptions;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A line of a batch file.
 *
 * @param line its number, from 1
 * @param id of the result
 * @param messages of the conversation to answer; empty where the line is wrong
 * @param options with the line's overrides and its own seed
 * @param templateArguments of this line, over those of all
 * @param error what is wrong with the line
 */
public record BatchRequest(
    long line,
    String id,
    List<ChatMessage> messages,
    GenerationOptions options,
    Map<String, Object> templateArguments,
    Optional<String> error) {

  static BatchRequest wrong(long line, String id, GenerationOptions options, String error) {
    return new BatchRequest(line, id, List.of(), options, Map.of(), Optional.of(error));
  }

  /** The error that a request is whose id another had before it. */
  public BatchRequest repeated() {
    return wrong(line, repeatedId(), options, "an earlier line has the id " + id);
  }

  String repeatedId() {
    return "%s (line %d)".formatted(id, line);
  }
}
