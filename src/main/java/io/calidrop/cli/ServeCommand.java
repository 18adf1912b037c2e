package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.serve.Server;
import io.calidrop.serve.ServerOptions;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jline.utils.Signals;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Answers requests over HTTP. */
@Command(
    name = "serve",
    description =
        "Answers programs that speak OpenAI's or Ollama's API, many of them at once. Each "
            + "conversation has a cache of its own, within one bound on memory.",
    footer = {
      "",
      "Examples:",
      "  ./run.sh serve",
      "  ./run.sh serve --model SmolLM2-135M-Instruct.Q4_1 --budget 1024 --parallel 32",
      "  ./run.sh serve --host 0.0.0.0 --api-key \"$KEY\"",
      "  curl http://127.0.0.1:8080/v1/chat/completions \\",
      "    -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'"
    })
final class ServeCommand implements Callable<Integer> {
  @ParentCommand private CalidropCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpFlag help;
  @Mixin private ModelFlags model;
  @Mixin private GenerationFlags generation;

  @Option(
      names = "--host",
      paramLabel = "ADDRESS",
      defaultValue = "127.0.0.1",
      description = "Address to listen at. Default: ${DEFAULT-VALUE}.")
  private String host;

  @Option(
      names = "--port",
      paramLabel = "N",
      defaultValue = "8080",
      description = "Port to listen at, 0 for any that is free. Default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      description = "What clients must show. Default: $CALIDROP_API_KEY, or nothing.")
  private String key;

  @Option(
      names = "--no-api-key",
      description = "Let anybody who reaches --host in, also from other machines.")
  private boolean noKey;

  @Option(
      names = "--cors",
      paramLabel = "ORIGIN",
      description = "Let pages of this origin use the server, * for all. Default: none.")
  private String origin;

  @Option(
      names = "--parallel",
      paramLabel = "N",
      defaultValue = "8",
      description =
          "Answers at a time, each with a cache of its own; they share each pass over the weights. Default: ${DEFAULT-VALUE}.")
  private int parallel;

  @Option(
      names = "--queue",
      paramLabel = "N",
      defaultValue = "64",
      description =
          "Answers that wait; clients beyond are told to come again. Default: ${DEFAULT-VALUE}.")
  private int queue;

  @HelpGroup(Heading.MACHINE)
  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      description =
          "Most bytes of models and conversations together, such as 4G. Default: twice the Java heap; conversations take at most 60 %% of that.")
  private Long memory;

  @Option(
      names = "--grace",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description =
          "Time that answers have to end when the server does. Default: ${DEFAULT-VALUE}.")
  private int grace;

  @HelpGroup(Heading.MACHINE)
  @Option(
      names = "--cache-dir",
      paramLabel = "DIR",
      description =
          "Directory where conversations stay, for when memory ends or the server does; at most eight times --memory for a model. Default: none.")
  private Path cacheDirectory;

  @Override
  public Integer call() throws IOException {
    Io io = parent.io();
    Optional<String> apiKey = apiKey();
    Supplier<GenerationOptions> defaults = generation.supplier(GenerationOptions.UNLIMITED);
    List<Path> files = model.files(io);
    Function<Path, Engine> loader = model.loader(io, parent.verbose());
    ServerOptions options;
    try {
      options =
          new ServerOptions(
              host,
              port,
              apiKey,
              Optional.ofNullable(origin),
              parallel,
              queue,
              memory == null ? 2 * Runtime.getRuntime().maxMemory() : memory,
              Duration.ofSeconds(grace),
              Optional.ofNullable(cacheDirectory),
              defaults);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
    CountDownLatch end = new CountDownLatch(1);
    for (String signal : List.of("INT", "TERM")) {
      Signals.register(signal, end::countDown);
    }
    try (Server server = new Server(options, files, loader, this::report)) {
      server.warm();
      io.err().printf("listening at %s/v1%n", server.uri());
      end.await();
      io.err().printf("ending; answers under way have %d s%n", grace);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return ExitCode.OK;
  }

  private void report(Throwable failure) {
    Errors.report(failure, parent.io(), parent.debug());
  }

  private Optional<String> apiKey() throws IOException {
    String given = key == null ? System.getenv("CALIDROP_API_KEY") : key;
    if (given != null && !given.isEmpty()) {
      if (noKey) {
        throw new ParameterException(
            spec.commandLine(), "a key and --no-api-key exclude each other: give one");
      }
      return Optional.of(given);
    }
    if (!noKey && !InetAddress.getByName(host).isLoopbackAddress()) {
      throw new ParameterException(
          spec.commandLine(),
          "--host %s lets other machines in: give --api-key, or --no-api-key to let anybody in"
              .formatted(host));
    }
    return Optional.empty();
  }
}
