package io.calidrop.model;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.KvTypes;
import io.calidrop.gguf.GgufFile;
import io.calidrop.tensor.Activations;
import io.calidrop.tensor.MatMul;
import io.calidrop.tensor.MatMulScratch;
import io.calidrop.tensor.Matrix;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

/**
 * Runs a tiny model of the same formats, so that the JVM compiles the kernels before they are
 * wanted: until then each of their vector operations is a call that allocates, a thousand times
 * slower. Threads may share it.
 *
 * <p>Nothing at the start takes as long as compiling. So it comes in two parts. Loading waits for
 * the kernels of single tokens alone, by which a short prompt can be read as well, token by token
 * and with the same results. Those of many tokens follow when more is to be read, or when whoever
 * waits for input has the time.
 */
final class KernelWarmUp {
  /** Of a model whose kernels need not be compiled. */
  static final KernelWarmUp NONE = new KernelWarmUp();

  /** A round takes a fraction of a millisecond once its kernels are compiled, before it many. */
  private static final int ROUNDS = 200;

  /** More tokens than the kernels of small batches take. */
  private static final int BATCH = 12;

  /**
   * As those in which guesses are checked: formats may have kernels for two tokens, and for four.
   */
  private static final int[] SMALL_BATCHES = {2, 4};

  /** Passes of one token that take about the time of compiling kernels for many. */
  private static final int PATIENCE = 64;

  private final GgufFile file;
  private final ModelConfig real;
  private final KvTypes cacheTypes;
  private final List<Thread> singles;
  private final List<Thread> batches;
  private final CountDownLatch singlesLeft;
  private final CountDownLatch batchesLeft;
  private final AtomicBoolean begun = new AtomicBoolean();
  private volatile boolean loading = true;
  private volatile boolean closed;
  private int patience = PATIENCE; // passes that may still be cut to one token

  /**
   * @param cacheTypes of the caches that will be used
   */
  KernelWarmUp(GgufFile file, ModelConfig real, KvTypes cacheTypes) {
    this.file = file;
    this.real = real;
    this.cacheTypes = cacheTypes;
    // A thread may have to wait for what it wants compiled, and the compiler has two threads.
    singlesLeft = new CountDownLatch(2);
    singles = threads(singlesLeft, this::tokens, this::products);
    batchesLeft = new CountDownLatch(2);
    batches = threads(batchesLeft, this::prompts, this::guesses);
  }

  private KernelWarmUp() {
    file = null;
    real = null;
    cacheTypes = null;
    singlesLeft = new CountDownLatch(0);
    singles = List.of();
    batchesLeft = new CountDownLatch(0);
    batches = List.of();
  }

  private List<Thread> threads(CountDownLatch left, Runnable... works) {
    return Stream.of(works).map(work -> thread(left, work)).toList();
  }

  private Thread thread(CountDownLatch left, Runnable work) {
    Runnable counted =
        () -> {
          try {
            work.run();
          } catch (IllegalStateException e) {
            if (!closed) { // else the file's memory was taken away
              throw e;
            }
          } finally {
            left.countDown();
          }
        };
    return Thread.ofPlatform().daemon().name("calidrop-warm-up").unstarted(counted);
  }

  /**
   * Starts in the background.
   *
   * @param quick whether with single tokens only
   */
  void start(boolean quick) {
    singles.forEach(Thread::start);
    if (!quick) {
      begin();
    }
  }

  /**
   * Waits until what was started is fast. Threads that compute before would keep the compiler from
   * a core, and take longer in all.
   */
  void await(boolean quick) {
    loading = false;
    await(singlesLeft);
    if (!quick) {
      await();
    }
  }

  /** Goes on with many tokens, in the background. */
  void begin() {
    if (begun.compareAndSet(false, true)) {
      batches.forEach(Thread::start);
    }
  }

  /** Waits until all is fast. */
  void await() {
    begin();
    await(batchesLeft);
  }

  private static void await(CountDownLatch left) {
    try {
      left.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // whoever interrupts has no use for a warm model
    }
  }

  /**
   * How many of so many tokens the next pass should take at most; waits if all of them should wait.
   * For one thread at a time.
   */
  int passTokens(int tokens) {
    if (tokens == 1 || batchesLeft.getCount() == 0) {
      return tokens;
    }
    if (tokens <= patience) {
      patience--;
      return 1;
    }
    await();
    return tokens;
  }

  /** Ends soon: the file is about to be closed. */
  void close() {
    closed = true;
  }

  private void tokens() {
    int[] tokens = new int[WarmUpModel.CONTEXT];
    run(
        (model, session, round) -> {
          model.forward(session, tokens, 0, 1, true);
          model.forward(session, tokens, 0, 1, true);
        });
    if (loading) { // which takes longer
      begin();
    }
  }

  /** The products of a single token, while the other thread comes to attention. */
  private void products() {
    try (WarmUpModel model = new WarmUpModel(file, real)) {
      MatMulScratch scratch = new MatMulScratch();
      MatMul matMul = new MatMul(new MatMulScratch[] {scratch});
      List<Product> products =
          Stream.concat(
                  model.weights().layers().getFirst().matrices(),
                  Stream.of(model.weights().output()))
              .map(Product::of)
              .toList();
      for (int round = 0; round < ROUNDS && !closed; round++) {
        for (Product product : products) {
          product.input.pack(0, product.x, 0, product.forms, scratch.quantised);
          matMul.run(model.pool(), product.input, product.matrix, product.out);
        }
      }
    }
  }

  /** A matrix, a vector x and where their product goes, as {@link MatMul} takes them. */
  private record Product(Matrix[] matrix, float[] x, int forms, Activations input, float[][] out) {
    static Product of(Matrix matrix) {
      float[] x = new float[matrix.columns()];
      for (int i = 0; i < x.length; i++) {
        x[i] = i;
      }
      int forms = MatMul.forms(1, matrix);
      Activations input = new Activations(x.length, 1, forms);
      input.start(1);
      float[][] out = {new float[MatMul.stride(matrix)]};
      return new Product(new Matrix[] {matrix}, x, forms, input, out);
    }
  }

  /**
   * Passes of many tokens, of more and more: scratch memory that grows now and then shows the JVM
   * that it may, or the first prompt would throw away what is compiled.
   */
  private void prompts() {
    int[] tokens = new int[WarmUpModel.CONTEXT];
    run(
        (model, session, round) -> {
          int batch = BATCH + round % (WarmUpModel.CONTEXT - BATCH);
          model.forward(session, tokens, 0, batch, false);
        });
  }

  /** Passes of a few tokens, all of whose logits are wanted. */
  private void guesses() {
    int[] tokens = new int[WarmUpModel.CONTEXT];
    run(
        (model, session, round) -> {
          int few = SMALL_BATCHES[round % SMALL_BATCHES.length];
          model.forward(session, tokens, 0, few, (i, logits, offset) -> {});
        });
  }

  private void run(Round round) {
    try (WarmUpModel model = new WarmUpModel(file, real);
        InferenceSession session =
            model.transformer().newSession(WarmUpModel.CONTEXT, CacheOptions.full(cacheTypes))) {
      for (int i = 0; i < ROUNDS && !closed; i++) {
        session.truncate(0);
        round.run(model.transformer(), session, i);
      }
    }
  }

  @FunctionalInterface
  private interface Round {
    void run(Transformer model, InferenceSession session, int round);
  }
}
