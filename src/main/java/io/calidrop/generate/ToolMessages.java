package io.calidrop.generate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Functions and their calls in a conversation whose template knows neither: as texts. */
final class ToolMessages {
  private static final ObjectMapper JSON = new ObjectMapper();

  private ToolMessages() {}

  static List<ChatMessage> described(List<ChatMessage> messages, Tools tools) {
    StringBuilder text = new StringBuilder("You may call these functions:\n");
    tools.definitions().forEach(tool -> text.append(json(tool.get("function"))).append('\n'));
    text.append(
        """

        To call one, answer with its name and its arguments as JSON, in this form:
        <tool_call>
        {"name": "...", "arguments": {...}}
        </tool_call>""");
    List<ChatMessage> all = new ArrayList<>();
    boolean begins = messages.getFirst().role().equals("system");
    String before = begins ? messages.getFirst().content() + "\n\n" : "";
    all.add(ChatMessage.system(before + text));
    for (ChatMessage message : messages.subList(begins ? 1 : 0, messages.size())) {
      add(all, plain(message));
    }
    return all;
  }

  /**
   * Adds a message; a user's after a user's becomes one with it, since templates may want turns.
   */
  private static void add(List<ChatMessage> all, ChatMessage message) {
    ChatMessage last = all.getLast();
    if (message.role().equals("user") && last.role().equals("user")) {
      all.set(all.size() - 1, ChatMessage.user(last.content() + "\n" + message.content()));
    } else {
      all.add(message);
    }
  }

  private static ChatMessage plain(ChatMessage message) {
    if (message.role().equals("tool")) {
      return ChatMessage.user("<tool_response>\n" + message.content() + "\n</tool_response>");
    }
    StringBuilder text = new StringBuilder(message.content());
    if (message.more().get("tool_calls") instanceof List<?> calls) {
      for (Object call : calls) {
        text.append(text.isEmpty() ? "" : "\n").append("<tool_call>\n");
        text.append(json(function((Map<?, ?>) call))).append("\n</tool_call>");
      }
    }
    return new ChatMessage(message.role(), text.toString());
  }

  private static Map<String, Object> function(Map<?, ?> call) {
    Map<?, ?> function = (Map<?, ?>) call.get("function");
    Map<String, Object> named = new LinkedHashMap<>();
    named.put("name", function.get("name"));
    named.put("arguments", function.get("arguments"));
    return named;
  }

  private static String json(Object value) {
    try {
      return JSON.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e.getOriginalMessage(), e);
    }
  }
}
