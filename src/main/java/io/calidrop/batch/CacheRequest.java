package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How a request's cache is to be kept; what it does not say is the server's own.
 *
 * @param budget rows of a bounded cache
 * @param policy of a bounded cache, by name
 * @param store where evicted tokens of a bounded cache stay: ram, file, auto or none
 * @param recall stored rows that each token reads of each KV head
 * @param live whether a stream tells what the cache holds as the answer comes
 */
public record CacheRequest(
    OptionalInt budget,
    Optional<String> policy,
    Optional<String> store,
    OptionalInt recall,
    boolean live) {
  /** The server's own cache, of which nothing is told before the end. */
  public static final CacheRequest NONE =
      new CacheRequest(
          OptionalInt.empty(), Optional.empty(), Optional.empty(), OptionalInt.empty(), false);

  /** Its fields as they are read. */
  private static final class Draft {
    private OptionalInt budget = NONE.budget;
    private Optional<String> policy = NONE.policy;
    private Optional<String> store = NONE.store;
    private OptionalInt recall = NONE.recall;
    private boolean live;
  }

  static CacheRequest of(JsonNode value) {
    Draft draft = new Draft();
    Values.fields(
        value,
        Map.of(
            "budget", rows -> draft.budget = OptionalInt.of(Values.whole(rows)),
            "policy", name -> draft.policy = Optional.of(Values.text(name)),
            "store", place -> draft.store = Optional.of(Values.text(place)),
            "recall", rows -> draft.recall = OptionalInt.of(Values.whole(rows)),
            "live", flag -> draft.live = Values.bool(flag)));
    return new CacheRequest(draft.budget, draft.policy, draft.store, draft.recall, draft.live);
  }
}
