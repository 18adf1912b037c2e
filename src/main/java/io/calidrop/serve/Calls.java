package io.calidrop.serve;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.generate.ToolCall;
import java.util.List;

/** Calls of functions as the APIs write them. */
final class Calls {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Calls() {}

  /**
   * In OpenAI's form: arguments are a text of JSON.
   *
   * @param numbered as in a stream
   */
  static ArrayNode ofOpenAi(List<ToolCall> calls, boolean numbered) {
    ArrayNode all = JsonNodeFactory.instance.arrayNode();
    for (ToolCall call : calls) {
      ObjectNode one = JsonNodeFactory.instance.objectNode();
      if (numbered) {
        one.put("index", all.size());
      }
      one.put("id", call.id()).put("type", "function");
      one.putObject("function").put("name", call.name()).put("arguments", call.arguments());
      all.add(one);
    }
    return all;
  }

  /** In Ollama's form: arguments are an object, and calls have no ids. */
  static ArrayNode ofOllama(List<ToolCall> calls) {
    ArrayNode all = JsonNodeFactory.instance.arrayNode();
    for (ToolCall call : calls) {
      ObjectNode function = all.addObject().putObject("function").put("name", call.name());
      try {
        function.set("arguments", JSON.readTree(call.arguments()));
      } catch (JsonProcessingException e) {
        throw new AssertionError("arguments are JSON", e);
      }
    }
    return all;
  }
}
