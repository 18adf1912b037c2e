package io.calidrop.batch;

import io.calidrop.generate.GenerationOptions;
import java.util.List;
import java.util.Optional;

/**
 * A line of a batch file.
 *
 * @param line its number, from 1
 * @param id of the result
 * @param body what it asks for, with its own seed; nothing where the line is wrong
 * @param error what is wrong with the line
 */
public record BatchRequest(long line, BatchId id, RequestBody body, Optional<String> error) {

  static BatchRequest wrong(long line, BatchId id, GenerationOptions options, String error) {
    return new BatchRequest(line, id, RequestBody.answer(List.of(), options), Optional.of(error));
  }

  /** The error that a request is whose id another had before it. */
  public BatchRequest repeated() {
    return wrong(line, repeatedId(), body.options(), "an earlier line has the id " + id.text());
  }

  BatchId repeatedId() {
    return BatchId.of("%s (line %d)".formatted(id.text(), line));
  }
}
