package io.calidrop.cli;

import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.cli.HelpGroup.Heading;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Number formats of the KV cache. */
@HelpGroup(Heading.CACHE)
final class KvTypeFlags {
  @Option(
      names = "--kv-type",
      paramLabel = "TYPE",
      converter = KvTypesConverter.class,
      completionCandidates = Names.KvTypes.class,
      description =
          "Number format of the KV cache: ${COMPLETION-CANDIDATES}, or a pair such as k5v4: keys of 5 bits, values of 4. Default: f16, or with --kv-memory the best for it.")
  private KvTypes both;

  @HelpGroup(value = Heading.CACHE, rare = true)
  @Option(
      names = "--cache-type-k",
      paramLabel = "TYPE",
      completionCandidates = Names.KvTypes.class,
      description = "Number format of keys. Default: that of --kv-type.")
  private KvType keys;

  @HelpGroup(value = Heading.CACHE, rare = true)
  @Option(
      names = "--cache-type-v",
      paramLabel = "TYPE",
      completionCandidates = Names.KvTypes.class,
      description = "Number format of values. Default: that of --kv-type.")
  private KvType values;

  /** The formats; half precision where none were given. */
  KvTypes types() {
    return new KvTypes(keys().orElse(KvType.F16), values().orElse(KvType.F16));
  }

  /** That of keys, where one was given. */
  Optional<KvType> keys() {
    return Optional.ofNullable(keys).or(() -> Optional.ofNullable(both).map(KvTypes::keys));
  }

  /** That of values, where one was given. */
  Optional<KvType> values() {
    return Optional.ofNullable(values).or(() -> Optional.ofNullable(both).map(KvTypes::values));
  }
}
