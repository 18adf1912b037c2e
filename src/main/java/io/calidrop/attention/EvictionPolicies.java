package io.calidrop.attention;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/** The policies by name. */
public final class EvictionPolicies {
  private static final String CAOTE = "caote";
  private static final long RANDOM_SEED = 1;
  private static final Map<String, Supplier<EvictionPolicy>> POLICIES =
      new TreeMap<>(
          Map.of(
              "streaming", StreamingPolicy::new,
              "h2o", H2oPolicy::new,
              "tova", TovaPolicy::new,
              "snapkv", SnapKvPolicy::new,
              "pyramidkv", PyramidKvPolicy::new,
              "adakv", AdaKvPolicy::new,
              "knorm", KnormPolicy::new,
              "keydiff", KeyDiffPolicy::new,
              "expected", ExpectedAttentionPolicy::new,
              "random", () -> new RandomPolicy(RANDOM_SEED)));

  private EvictionPolicies() {}

  /** Names of all policies; "caote" wraps SnapKV, "caote:NAME" any. */
  public static List<String> names() {
    List<String> names = new ArrayList<>(POLICIES.keySet());
    names.add(CAOTE);
    return names;
  }

  /**
   * The policy of a name.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static EvictionPolicy named(String name) {
    if (name.equals(CAOTE)) {
      return new CaotePolicy(new SnapKvPolicy());
    }
    if (name.startsWith(CAOTE + ":")) {
      return new CaotePolicy(named(name.substring(CAOTE.length() + 1)));
    }
    Supplier<EvictionPolicy> policy = POLICIES.get(name);
    if (policy == null) {
      throw new IllegalArgumentException(
          "there is no policy \"%s\"; there are %s and caote:NAME"
              .formatted(name, String.join(", ", names())));
    }
    return policy.get();
  }
}
