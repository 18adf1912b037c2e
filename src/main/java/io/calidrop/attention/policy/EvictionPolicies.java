package io.calidrop.attention.policy;

import static java.util.Map.entry;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.QuerySample;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/** The policies by name. Those of the same name and queries are equal. */
public final class EvictionPolicies {
  /** The name of the policy that is used where none is named. */
  public static final String DEFAULT = "h2o";

  /** The same where what is evicted can be read again. */
  public static final String DEFAULT_STORED = "streaming";

  /** The same where a prompt is attended whole and then compressed. */
  public static final String DEFAULT_ONCE = "kvzip";

  private static final String CAOTE = "caote";
  private static final long RANDOM_SEED = 1;
  private static final Map<String, Function<QuerySample, EvictionPolicy>> POLICIES =
      new TreeMap<>(
          Map.ofEntries(
              entry("streaming", queries -> new StreamingPolicy()),
              entry("h2o", queries -> new H2oPolicy()),
              entry("tova", queries -> new TovaPolicy()),
              entry("snapkv", queries -> new SnapKvPolicy()),
              entry("pyramidkv", queries -> new PyramidKvPolicy()),
              entry("adakv", queries -> new AdaKvPolicy()),
              entry("kvzip", queries -> new KvzipPolicy()),
              entry("knorm", queries -> new KnormPolicy()),
              entry("keydiff", queries -> new KeyDiffPolicy()),
              entry("expected", ExpectedAttentionPolicy::new),
              entry("random", queries -> new RandomPolicy(RANDOM_SEED))));

  private EvictionPolicies() {}

  /** Names of all policies; "caote" wraps SnapKV, "caote:NAME" any. */
  public static List<String> names() {
    List<String> names = new ArrayList<>(POLICIES.keySet());
    names.add(CAOTE);
    return names;
  }

  /** What is used where none is named, beside a store or not. */
  public static EvictionPolicy best(boolean stored) {
    return named(stored ? DEFAULT_STORED : DEFAULT);
  }

  /**
   * The policy of a name, with the default queries if it asks for some.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static EvictionPolicy named(String name) {
    return named(name, QuerySample.DEFAULT);
  }

  /**
   * The policy of a name.
   *
   * @param queries that are kept for it if it asks for some
   * @throws IllegalArgumentException if there is none
   */
  public static EvictionPolicy named(String name, QuerySample queries) {
    if (name.equals(CAOTE)) {
      return new CaotePolicy(new SnapKvPolicy());
    }
    if (name.startsWith(CAOTE + ":")) {
      return new CaotePolicy(named(name.substring(CAOTE.length() + 1), queries));
    }
    Function<QuerySample, EvictionPolicy> policy = POLICIES.get(name);
    if (policy == null) {
      throw new IllegalArgumentException(
          "there is no policy \"%s\"; there are %s and caote:NAME"
              .formatted(name, String.join(", ", names())));
    }
    return policy.apply(queries);
  }
}
