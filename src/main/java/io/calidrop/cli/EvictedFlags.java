package io.calidrop.cli;

import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import io.calidrop.cli.HelpGroup.Heading;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Where evicted tokens stay, and how many of them are read. */
@HelpGroup(Heading.CACHE)
final class EvictedFlags {
  /** Where they stay. */
  enum Where {
    AUTO(StoreOptions.Place.AUTO),
    RAM(StoreOptions.Place.RAM),
    FILE(StoreOptions.Place.FILE),
    NONE(null);

    private final StoreOptions.Place place; // or null

    Where(StoreOptions.Place place) {
      this.place = place;
    }
  }

  @Option(
      names = "--store",
      completionCandidates = Names.Stores.class,
      paramLabel = "WHERE",
      description =
          "Where evicted tokens stay, of which each token reads the best: ram, file, auto (ram, and a file once "
              + "they take more than 256 MiB), none. Default: in chat, run and batch auto, unless --compress once or "
              + "a calibration is given; none elsewhere.")
  private Where where;

  @Option(
      names = "--recall",
      paramLabel = "ROWS",
      description =
          "How many of them, for each KV head. Default: "
              + StoreOptions.DEFAULT_RECALL
              + ". Without a budget: of all rows but the newest, none of which is lost.")
  private Integer recall;

  @Option(
      names = "--store-size",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      description = "Most bytes of the store; what is older is calibrated. Default: 1G.")
  private Long size;

  /** Rows that a token reads, or null where they were not given. */
  Integer recall() {
    return recall;
  }

  /** Whether there is a store. */
  boolean isPresent(boolean usual) {
    return where == null ? usual || recall != null || size != null : where != Where.NONE;
  }

  /**
   * The store beside a cache of some formats.
   *
   * @param usual whether there is one where nothing was said
   * @throws IllegalArgumentException if something is said of a store, and that there is none
   */
  Optional<StoreOptions> beside(KvTypes cache, boolean usual) {
    if (!isPresent(usual)) {
      if (recall != null || size != null) {
        throw new IllegalArgumentException(
            (recall != null ? "--recall" : "--store-size")
                + " needs a store: leave --store none away");
      }
      return Optional.empty();
    }
    return Optional.of(
        StoreOptions.beside(
            cache,
            where == null ? StoreOptions.Place.AUTO : where.place,
            size == null ? StoreOptions.DEFAULT_BYTES : size,
            recall == null ? StoreOptions.DEFAULT_RECALL : recall));
  }
}
