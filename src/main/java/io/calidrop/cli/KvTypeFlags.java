package io.calidrop.cli;

import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.cli.HelpGroup.Heading;
import picocli.CommandLine.Option;

/** Number formats of the KV cache. */
@HelpGroup(Heading.CACHE)
final class KvTypeFlags {
  @Option(
      names = "--kv-type",
      paramLabel = "TYPE",
      defaultValue = "f16",
      converter = KvTypesConverter.class,
      completionCandidates = Names.KvTypes.class,
      description =
          "Number format of the KV cache: ${COMPLETION-CANDIDATES}, or a pair such as k5v4: keys of 5 bits, values of 4. Default: ${DEFAULT-VALUE}.")
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

  KvTypes types() {
    return new KvTypes(keys == null ? both.keys() : keys, values == null ? both.values() : values);
  }
}
