package io.calidrop.serve;

import io.calidrop.attention.CacheOptions;
import io.calidrop.generate.Engine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The models by name, each loaded when it is first asked for. Where memory runs short, what nobody
 * wanted for longest goes: conversations first, then models that nobody uses. Threads may share it.
 */
final class Models implements AutoCloseable {
  private static final String SUFFIX = ".gguf";

  /** Bytes of conversations of a model on disk for each byte of memory. */
  private static final long DISK_FOR_MEMORY = 8;

  private static final String LATEST = ":latest"; // which Ollama's clients add

  private final Map<String, Path> files;
  private final Function<Path, Engine> loader;
  private final Memory memory;
  private final int parallel;
  private final Optional<Path> cacheDirectory;
  private final Consumer<Throwable> failures;
  private final Map<String, Loaded> loaded = new LinkedHashMap<>(); // the latest used last

  private static final class Loaded {
    private final CompletableFuture<ServedModel> model = new CompletableFuture<>();
    private final String name;
    private final long bytes;
    private int users;

    Loaded(String name, long bytes) {
      this.name = name;
      this.bytes = bytes;
    }

    boolean isThere() {
      return model.isDone() && !model.isCompletedExceptionally();
    }
  }

  /** A model in use until it is closed. */
  final class Lease implements AutoCloseable {
    private final Loaded loaded;

    private Lease(Loaded loaded) {
      this.loaded = loaded;
    }

    ServedModel model() {
      return loaded.model.join();
    }

    @Override
    public void close() {
      synchronized (Models.this) {
        loaded.users--;
      }
    }
  }

  /**
   * @param paths of the models; the first one is used where a request names none
   * @param loader loads a file
   * @param parallel answers at a time, whose bounded caches share the memory with their stores
   * @param cacheDirectory where conversations stay, in a folder for each model
   * @param failures are told of what should not have happened
   */
  Models(
      List<Path> paths,
      Function<Path, Engine> loader,
      Memory memory,
      int parallel,
      Optional<Path> cacheDirectory,
      Consumer<Throwable> failures) {
    this.loader = loader;
    this.memory = memory;
    this.parallel = parallel;
    this.cacheDirectory = cacheDirectory;
    this.failures = failures;
    files = new LinkedHashMap<>();
    for (Path path : paths) {
      String name = path.getFileName().toString();
      files.put(
          name.endsWith(SUFFIX) ? name.substring(0, name.length() - SUFFIX.length()) : name, path);
    }
    if (files.isEmpty()) {
      throw new IllegalArgumentException("there is no model to serve; `pull` fetches one");
    }
  }

  /** Their names. */
  List<String> names() {
    return List.copyOf(files.keySet());
  }

  /** The file of a model, by its exact name. */
  Path file(String name) {
    return files.get(name);
  }

  /**
   * The name of the model that a request means.
   *
   * @throws ApiException if there is none
   */
  String named(Optional<String> wanted) {
    if (wanted.isEmpty()) {
      return files.keySet().iterator().next();
    }
    String name = wanted.get();
    for (String suffix : List.of("", LATEST, SUFFIX)) {
      if (name.endsWith(suffix)
          && files.containsKey(name.substring(0, name.length() - suffix.length()))) {
        return name.substring(0, name.length() - suffix.length());
      }
    }
    throw ApiException.of(
        404,
        "model_not_found",
        "there is no model \"%s\"; there are %s"
            .formatted(Texts.shortened(name), String.join(", ", files.keySet())));
  }

  /**
   * A model for a request, loaded if it is not yet.
   *
   * @throws ApiException if it cannot be
   */
  Lease acquire(String name) {
    Loaded found;
    boolean isNew;
    synchronized (this) {
      found = loaded.remove(name);
      isNew = found == null;
      if (isNew) {
        found = reserved(name);
      }
      loaded.put(name, found);
      found.users++;
    }
    if (isNew) {
      load(found);
    }
    try {
      found.model.join();
    } catch (CompletionException e) {
      throw ApiException.notLoaded(name, e.getCause());
    }
    return new Lease(found);
  }

  private Loaded reserved(String name) {
    long bytes;
    try {
      bytes = Files.size(files.get(name));
    } catch (IOException e) {
      throw ApiException.of(404, "model_not_found", "the model \"%s\" is gone".formatted(name));
    }
    if (!makeRoomForModel(bytes)) {
      throw bytes > memory.most()
          ? ApiException.of(
              500, "memory", "the model \"%s\" is larger than --memory".formatted(name))
          : ApiException.busy(
              503, "memory", 10, "other models are in use and leave no memory for this one");
    }
    return new Loaded(name, bytes);
  }

  /** Others that want it wait; what they want of other models goes on. */
  private void load(Loaded one) {
    try {
      Engine engine = loader.apply(files.get(one.name));
      long share = Math.min(memory.mostHeap(), memory.most() - one.bytes) / parallel;
      RequestCaches caches = new RequestCaches(engine, share);
      Optional<StateDirectory> directory = directory(one.name, engine, caches.usual());
      one.model.complete(new ServedModel(one.name, engine, caches, directory));
    } catch (RuntimeException | Error e) {
      synchronized (this) {
        loaded.remove(one.name, one);
      }
      memory.give(one.bytes);
      one.model.completeExceptionally(e);
    }
  }

  private Optional<StateDirectory> directory(String name, Engine engine, CacheOptions cache) {
    if (cacheDirectory.isEmpty()) {
      return Optional.empty();
    }
    try {
      long most = DISK_FOR_MEMORY * memory.most();
      return Optional.of(
          new StateDirectory(cacheDirectory.get().resolve(name), engine, cache, most, failures));
    } catch (IOException e) {
      failures.accept(e); // it serves as well without
      return Optional.empty();
    }
  }

  /** Takes memory for a conversation; what nobody wants goes for it. False if there is none. */
  synchronized boolean makeRoom(long bytes) {
    while (!memory.takeHeap(bytes)) {
      if (bytes > memory.mostHeap()
          || !dropConversation() && !(memory.hasHeap(bytes) && dropModel())) {
        return false;
      }
    }
    return true;
  }

  private boolean makeRoomForModel(long bytes) {
    while (!memory.take(bytes)) {
      if (bytes > memory.most() || !dropConversation() && !dropModel()) {
        return false;
      }
    }
    return true;
  }

  private boolean dropConversation() {
    Optional<Conversations> holder =
        loaded().stream()
            .map(ServedModel::conversations)
            .filter(one -> one.oldest().isPresent())
            .min(Comparator.comparingLong(one -> one.oldest().orElse(Long.MAX_VALUE)));
    holder.ifPresent(one -> memory.giveHeap(one.dropOldest()));
    return holder.isPresent();
  }

  private boolean dropModel() {
    Optional<Loaded> idle = loaded.values().stream().filter(one -> one.users == 0).findFirst();
    idle.ifPresent(
        one -> {
          loaded.remove(one.name);
          memory.give(one.bytes);
          one.model.join().close();
        });
    return idle.isPresent();
  }

  /** Those that are loaded. */
  synchronized List<ServedModel> loaded() {
    return loaded.values().stream().filter(Loaded::isThere).map(one -> one.model.join()).toList();
  }

  /** Frees all; none is in use. */
  @Override
  public synchronized void close() {
    loaded().forEach(ServedModel::close);
    loaded.clear();
  }
}
