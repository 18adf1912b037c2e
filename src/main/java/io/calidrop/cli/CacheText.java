package io.calidrop.cli;

import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.StoreOptions;
import io.calidrop.generate.Engine;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** How an engine's sessions keep their cache, for people and for JSON. */
final class CacheText {
  private static final long TOKENS = 1024; // whole pages of any store

  private CacheText() {}

  /** In a line. */
  static String line(Engine engine) {
    CacheOptions options = engine.cacheOptions();
    String size = String.format(Locale.ROOT, "%.1f MiB at most", bytes(engine) / 1048576.0);
    return options
        .budget()
        .map(
            budget ->
                "%s, %d rows a head, %s, calibration %s, %s%s"
                    .formatted(
                        types(options),
                        budget.rows(),
                        options.policy().name(),
                        calibration(options),
                        size,
                        options.store().map(store -> store(engine, store)).orElse("")))
        .orElseGet(() -> "%s, every token, %s".formatted(types(options), size));
  }

  /** The same, as fields. */
  static Map<String, Object> json(Engine engine) {
    CacheOptions options = engine.cacheOptions();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kv_types", types(options));
    json.put("budget", options.budget().map(budget -> (Object) budget.rows()).orElse(null));
    json.put("policy", options.policy().name());
    json.put("calidrop", mode(options));
    json.put("calibration_rows", options.calibration() instanceof Fold fold ? fold.rows() : null);
    json.put("store", options.store().map(store -> name(store.place())).orElse(null));
    json.put("recall", options.store().map(store -> (Object) store.recall()).orElse(null));
    json.put("most_bytes", bytes(engine));
    json.put("store_most_bytes", options.store().isPresent() ? mostStored(engine) : null);
    json.put("store_bytes_per_token", options.store().isPresent() ? storedPerToken(engine) : null);
    return json;
  }

  static String types(CacheOptions options) {
    return options.kvTypes().toString().toLowerCase(Locale.ROOT);
  }

  static String mode(CacheOptions options) {
    return name(options.calibration().mode());
  }

  private static String store(Engine engine, StoreOptions store) {
    return String.format(
        Locale.ROOT,
        ", and besides a store of %.1f KiB a token, %.1f MiB at most, in %s, of which %d rows are read",
        storedPerToken(engine) / 1024.0,
        mostStored(engine) / 1048576.0,
        store.place() == StoreOptions.Place.AUTO ? "ram, later a file" : name(store.place()),
        store.recall());
  }

  private static String name(Enum<?> value) {
    return value.toString().toLowerCase(Locale.ROOT);
  }

  private static String calibration(CacheOptions options) {
    return mode(options)
        + (options.calibration() instanceof Fold fold ? " of %d rows".formatted(fold.rows()) : "");
  }

  /** Bytes that a session's cache comes to hold, an evicted store aside. */
  private static long bytes(Engine engine) {
    CacheShape shape = engine.model().config().cacheShape();
    CacheOptions options = engine.cacheOptions();
    return options.budget().isPresent()
        ? CacheMemory.bytes(shape, options)
        : CacheMemory.bytes(shape, options.kvTypes(), engine.contextLength());
  }

  /** Bytes that the store comes to hold, wherever they are. */
  private static long mostStored(Engine engine) {
    CacheShape shape = engine.model().config().cacheShape();
    return CacheMemory.storeBytes(shape, engine.cacheOptions(), Integer.MAX_VALUE);
  }

  /** Of a token, all layers and heads together; a file's hot blocks are not. */
  private static long storedPerToken(Engine engine) {
    CacheOptions options = engine.cacheOptions();
    StoreOptions store = options.store().orElseThrow();
    StoreOptions inRam =
        new StoreOptions(StoreOptions.Place.RAM, Long.MAX_VALUE, store.recall(), store.types());
    CacheShape shape = engine.model().config().cacheShape();
    return CacheMemory.storeBytes(shape, options.withStore(Optional.of(inRam)), TOKENS) / TOKENS;
  }
}
