package io.calidrop.batch;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a request asks of a server besides its text. A batch, whose results are one whole answer
 * each, takes none of it.
 *
 * @param model the name it is for, where it has one
 * @param answers how many
 * @param stream whether the answer comes piece by piece
 * @param usage whether a stream ends with what it cost
 * @param logprobs how many other tokens are told of beside each, with their probabilities
 * @param cache how its cache is to be kept
 */
public record Delivery(
    Optional<String> model,
    int answers,
    boolean stream,
    boolean usage,
    OptionalInt logprobs,
    CacheRequest cache) {
  /** One whole answer of any model. */
  public static final Delivery WHOLE =
      new Delivery(Optional.empty(), 1, false, false, OptionalInt.empty(), CacheRequest.NONE);
}
