package io.calidrop.generate;

import io.calidrop.attention.CacheOptions;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.Metadata;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.LoadOptions;
import io.calidrop.model.ModelConfig;
import io.calidrop.model.ModelLoader;
import io.calidrop.model.Transformer;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Tokenizers;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A model ready to generate text: weights, tokenizer and chat template of one GGUF file.
 *
 * <p>Threads may share it: texts that several ask for are computed in turn, token by token, each as
 * it would be alone. It is closed when nobody uses it or its conversations any more.
 */
public final class Engine implements AutoCloseable {
  private static final String TEMPLATE_KEY = "tokenizer.chat_template";

  private final GgufFile file;
  private final Transformer model;
  private final Tokenizer tokenizer;
  private final EngineOptions options;
  private final CacheOptions cache;
  private final Optional<DraftModel> draft;
  private final Speculator speculator;
  private final RecommendedSampling recommended;
  private final Generator generator;
  private final CompletableFuture<ChatTemplate> template;
  private final long loadNanos;

  private Engine(
      GgufFile file,
      Transformer model,
      Tokenizer tokenizer,
      CompletableFuture<ChatTemplate> template,
      Optional<DraftModel> draft,
      EngineOptions options,
      CacheOptions cache,
      long loadNanos) {
    this.file = file;
    this.model = model;
    this.tokenizer = tokenizer;
    this.options = options;
    this.cache = cache;
    this.draft = draft;
    speculator = new Speculator(options.speculation(), draft);
    recommended = RecommendedSampling.of(file.metadata());
    generator = new Generator(model, tokenizer, speculator, recommended.options());
    this.template = template;
    this.loadNanos = loadNanos;
  }

  /** {@link #load(Path, EngineOptions)} with the defaults. */
  public static Engine load(Path path) {
    return load(path, EngineOptions.defaults());
  }

  /**
   * Loads a GGUF file.
   *
   * @throws io.calidrop.gguf.ModelFormatException if it is none or holds no supported model
   * @throws IllegalArgumentException if a draft model has another vocabulary, or no cache can be
   *     chosen as the options say
   */
  public static Engine load(Path path, EngineOptions options) {
    long start = System.nanoTime();
    GgufFile file = GgufFile.open(path);
    try {
      // The vocabulary takes as long as the weights: side by side.
      CompletableFuture<Tokenizer> tokenizer =
          CompletableFuture.supplyAsync(() -> Tokenizers.from(file.metadata()));
      CompletableFuture<ChatTemplate> template =
          tokenizer.thenApplyAsync(loaded -> template(file.metadata(), loaded));
      LoadOptions how =
          new LoadOptions(
              options.threads(),
              options.exact(),
              options.quickStart(),
              config -> cache(config, options).kvTypes(),
              () -> RepeatInstruction.tokens(join(tokenizer), () -> join(template)));
      Transformer model = ModelLoader.load(file, how);
      try {
        CacheOptions cache = cache(model.config(), options);
        Optional<DraftModel> draft =
            options.speculation().draft().map(p -> DraftModel.load(p, join(tokenizer), how));
        Tokenizer loaded = join(tokenizer);
        long nanos = System.nanoTime() - start;
        return new Engine(file, model, loaded, template, draft, options, cache, nanos);
      } catch (RuntimeException | Error e) {
        model.close();
        throw e;
      }
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private static <T> T join(CompletableFuture<T> future) {
    try {
      return future.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw e;
    }
  }

  /** The file that was loaded. */
  public Path path() {
    return file.path();
  }

  /** Whether it computes with float32 activations, for reference. */
  public boolean isExact() {
    return options.exact();
  }

  public Transformer model() {
    return model;
  }

  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** Time that {@link #load(Path, EngineOptions)} took. */
  public long loadNanos() {
    return loadNanos;
  }

  /**
   * The model's chat template.
   *
   * @throws io.calidrop.gguf.ModelFormatException if it has none
   */
  public ChatTemplate template() {
    return join(template);
  }

  private static ChatTemplate template(Metadata metadata, Tokenizer tokenizer) {
    Optional<String> source =
        metadata.contains(TEMPLATE_KEY)
            ? Optional.of(metadata.string(TEMPLATE_KEY))
            : Optional.empty();
    return ChatTemplate.forModel(source, tokenizer);
  }

  /** How the file says that tokens are chosen; texts follow where their options leave it open. */
  public RecommendedSampling recommendedSampling() {
    return recommended;
  }

  /** How sessions of this engine keep their cache: what was chosen for its model. */
  public CacheOptions cacheOptions() {
    return cache;
  }

  /** Positions of a session of this engine. */
  public int contextLength() {
    return contextLength(model.config(), options);
  }

  private static int contextLength(ModelConfig model, EngineOptions options) {
    return options.contextLength() == 0 ? model.contextLength() : options.contextLength();
  }

  private static CacheOptions cache(ModelConfig model, EngineOptions options) {
    return options.cache().of(model.cacheShape(), contextLength(model, options));
  }

  public InferenceSession newSession() {
    return model.newSession(contextLength(), cache);
  }

  /** For generations of this engine's sessions that share passes. */
  public GenerationBatch newBatch() {
    return new GenerationBatch(model, tokenizer, speculator, recommended.options());
  }

  /** A new conversation. */
  public ChatSession chat(GenerationOptions options) {
    return chat(options, template());
  }

  /** A new conversation, written as another template does or with its arguments. */
  public ChatSession chat(GenerationOptions options, ChatTemplate template) {
    return new ChatSession(generator, newSession(), tokenizer, template, options);
  }

  /**
   * The tokens of a text that is continued as it stands, without a chat template.
   *
   * @throws IllegalArgumentException if it is empty
   */
  public int[] encode(String prompt) {
    int[] tokens = tokenizer.encodeWithBos(prompt);
    if (tokens.length == 0) {
      throw new IllegalArgumentException("the prompt is empty");
    }
    return tokens;
  }

  /** {@link #complete(String, GenerationOptions, Consumer)} without showing it on the way. */
  public GenerationResult complete(String prompt, GenerationOptions options) {
    return complete(prompt, options, text -> {});
  }

  /** {@link #complete(String, GenerationOptions, Consumer, BooleanSupplier)} to the end. */
  public GenerationResult complete(
      String prompt, GenerationOptions options, Consumer<String> onText) {
    return complete(prompt, options, onText, () -> false);
  }

  /**
   * Continues a text as it stands, without a chat template.
   *
   * @param onText is given the text piece by piece, each a whole number of characters, by the
   *     calling thread
   * @param interrupted asked before each token; true ends the generation
   * @throws IllegalArgumentException if the prompt is empty or does not fit into the context
   */
  public GenerationResult complete(
      String prompt,
      GenerationOptions options,
      Consumer<String> onText,
      BooleanSupplier interrupted) {
    int[] tokens = encode(prompt);
    try (InferenceSession session = newSession()) {
      return generator.generate(session, tokens, tokens.length, options, onText, interrupted);
    }
  }

  /** Ends the threads and frees the weights. */
  @Override
  public void close() {
    draft.ifPresent(DraftModel::close);
    model.close();
    file.close();
  }
}
