import dev.langchain4j.model.chat.ChatModel;
import io.calidrop.generate.Engine;
import io.calidrop.generate.EngineOptions;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.sampling.SamplerOptions;
import java.nio.file.Path;

/** Asks an engine in this process. The argument is a model file. */
final class EngineExample {
  private EngineExample() {}

  public static void main(String[] args) {
    EngineOptions bounded = EngineOptions.defaults().withBudget(512);
    try (Engine engine = Engine.load(Path.of(args[0]), bounded)) {
      GenerationOptions options =
          GenerationOptions.defaults().withSampling(SamplerOptions.greedy()).withMaxTokens(200);
      ChatModel model = new EngineChatModel(engine, options);
      System.out.println(model.chat("What is the capital of France?"));
    }
  }
}
