import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** Asks a running server by LangChain4j's client of OpenAI's API. The argument is where it is. */
final class ServerExample {
  private ServerExample() {}

  public static void main(String[] args) {
    OpenAiStreamingChatModel model =
        OpenAiStreamingChatModel.builder()
            .baseUrl(args[0] + "/v1")
            .apiKey("none")
            .modelName("SmolLM2-135M-Instruct.Q4_1")
            .temperature(0.0)
            .customParameters(Map.of("calidrop", Map.of("budget", 512)))
            .build();
    CompletableFuture<ChatResponse> whole = new CompletableFuture<>();
    model.chat(
        "What is the capital of France?",
        new StreamingChatResponseHandler() {
          @Override
          public void onPartialResponse(String text) {
            System.out.print(text);
          }

          @Override
          public void onCompleteResponse(ChatResponse response) {
            whole.complete(response);
          }

          @Override
          public void onError(Throwable error) {
            whole.completeExceptionally(error);
          }
        });
    System.out.println();
    System.out.println(whole.join().tokenUsage());
  }
}
