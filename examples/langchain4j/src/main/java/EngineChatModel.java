import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationBatch;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.StopReason;
import io.calidrop.model.InferenceSession;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/**
 * An engine in this process as a model of LangChain4j's. Each request is computed from its first
 * token, in a cache of its own. Threads may share it.
 *
 * @param engine stays open
 * @param options of every answer; what a request asks for besides its messages is not looked at
 */
record EngineChatModel(Engine engine, GenerationOptions options) implements ChatModel {
  @Override
  public ChatResponse doChat(ChatRequest request) {
    List<io.calidrop.generate.ChatMessage> messages =
        request.messages().stream().map(EngineChatModel::message).toList();
    int[] prompt = engine.template().encode(messages, true, engine.tokenizer());
    GenerationResult result = generate(prompt);
    return ChatResponse.builder()
        .aiMessage(AiMessage.from(result.text()))
        .tokenUsage(new TokenUsage(prompt.length, result.tokens().length))
        .finishReason(reason(result.stopReason()))
        .build();
  }

  private static io.calidrop.generate.ChatMessage message(ChatMessage message) {
    return switch (message) {
      case SystemMessage system -> io.calidrop.generate.ChatMessage.system(system.text());
      case UserMessage user -> io.calidrop.generate.ChatMessage.user(user.singleText());
      case AiMessage answer -> io.calidrop.generate.ChatMessage.assistant(answer.text());
      default -> throw new UnsupportedFeatureException("messages of type " + message.type());
    };
  }

  private GenerationResult generate(int[] prompt) {
    AtomicReference<GenerationResult> result = new AtomicReference<>();
    try (InferenceSession session = engine.newSession()) {
      GenerationBatch batch = new GenerationBatch(engine.model(), engine.tokenizer());
      batch.add(session, prompt, prompt.length, options, text -> {}, () -> false, result::set);
      while (batch.size() > 0) {
        batch.step();
      }
    }
    return result.get();
  }

  private static FinishReason reason(StopReason reason) {
    return switch (reason) {
      case END_TOKEN, COMPLETE, STOP_STRING -> FinishReason.STOP;
      case LENGTH, CONTEXT_FULL -> FinishReason.LENGTH;
      case INTERRUPTED -> FinishReason.OTHER;
    };
  }
}
