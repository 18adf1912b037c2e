/**
 * Runs language models on the CPU. A program begins with {@link io.calidrop.generate.Engine}.
 *
 * <p>Exported is what a program that embeds the engine needs: text in and out, options, logits, the
 * options of the cache, and own policies. Kernels, batches, evaluations and the command line are
 * not. What is {@code static} is for the command line, which runs from the class path, where all
 * this means nothing: see {@code cli.VectorApi}.
 *
 * <p>What may be shared by threads is said at each type. Records, enums and exceptions are
 * immutable and static methods keep nothing, so that any threads may use them; arrays in a record
 * are for reading.
 */
module io.calidrop {
  requires com.fasterxml.jackson.core;
  requires com.fasterxml.jackson.databind;
  requires java.net.http;
  requires jdk.incubator.vector;
  requires static info.picocli;
  requires static java.desktop;
  requires static jmh.core;
  requires static me.tongfei.progressbar;
  requires static micrometer.core;
  requires static micrometer.registry.prometheus;
  requires static org.eclipse.jetty.server;
  requires static org.jline.builtins;
  requires static org.jline.reader;
  requires static org.jline.terminal;
  requires static org.knowm.xchart;

  exports io.calidrop.attention;
  exports io.calidrop.attention.plan;
  exports io.calidrop.attention.policy;
  exports io.calidrop.constraint;
  exports io.calidrop.generate;
  exports io.calidrop.gguf;
  exports io.calidrop.model;
  exports io.calidrop.model.family;
  exports io.calidrop.sampling;
  exports io.calidrop.tokenizer;
}
