package io.calidrop.generate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.calidrop.constraint.CallForm;
import io.calidrop.constraint.JsonCalls;
import io.calidrop.constraint.ParameterCalls;
import io.calidrop.tokenizer.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32;

/** Finds the calls in an answer. */
final class ToolReader {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int ID_DIGITS = 8; // of base 36, more than 32 bits

  private final CallForm form;
  private final Map<String, JsonNode> functions;
  private final List<ToolCall> calls = new ArrayList<>();
  private String salt = "";

  /**
   * @param functions schemas of the arguments by the functions' names
   */
  ToolReader(CallForm form, Map<String, JsonNode> functions) {
    this.form = form;
    this.functions = functions;
  }

  ToolAnswer read(GenerationResult result, Tokenizer tokenizer) {
    boolean cut = result.stopReason() == StopReason.STOP_STRING; // its tokens say more
    String text = cut ? result.text() : spelled(result.tokens(), tokenizer);
    salt = result.seed() + text;
    int begin = new CallStart(form).in(new StringBuilder(text));
    switch (form) {
      case ParameterCalls written -> addParameters(written, text, begin);
      case JsonCalls json -> addJson(json, text, begin);
    }
    return calls.isEmpty()
        ? new ToolAnswer(result.text(), List.of())
        : new ToolAnswer(text.substring(0, begin).strip(), List.copyOf(calls));
  }

  private void addJson(JsonCalls json, String text, int begin) {
    for (int at = begin; at >= 0; at = next(json, text, at)) {
      String call = text.substring(json == JsonCalls.OBJECT ? at : at + json.mark().length());
      if (json == JsonCalls.NAMED) {
        addNamed(call);
      } else {
        add(json.key(), json(call));
      }
    }
  }

  private void addParameters(ParameterCalls written, String text, int begin) {
    if (begin >= 0) {
      new ParameterReader(written, functions)
          .read(text.substring(begin + written.mark().length()), this::call);
    }
  }

  /** The text with that of control tokens. */
  private static String spelled(int[] tokens, Tokenizer tokenizer) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int token : tokens) {
      bytes.writeBytes(
          tokenizer.isControl(token)
              ? tokenizer.piece(token).getBytes(StandardCharsets.UTF_8)
              : tokenizer.bytes(token));
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private static int next(JsonCalls form, String text, int at) {
    boolean several = form == JsonCalls.TAGS || form == JsonCalls.NAMED;
    return several ? text.indexOf(form.mark(), at + 1) : -1;
  }

  /** The value that a text begins with; whatever follows it is left aside. */
  static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      return MissingNode.getInstance();
    }
  }

  private void add(String key, JsonNode value) {
    if (value.isArray()) {
      value.forEach(one -> add(key, one));
      return;
    }
    call(value.path("name").asText(), value.path(key));
  }

  private void addNamed(String call) {
    int arguments = call.indexOf(JsonCalls.ARGUMENTS);
    if (arguments >= 0) {
      String head = call.substring(0, arguments);
      int id = head.indexOf(JsonCalls.ID);
      String name = id < 0 ? head : head.substring(0, id);
      call(name, json(call.substring(arguments + JsonCalls.ARGUMENTS.length())));
    }
  }

  private void call(String name, JsonNode arguments) {
    if (functions.containsKey(name) && arguments.isObject()) {
      calls.add(new ToolCall(id(calls.size()), name, arguments.toString()));
    }
  }

  /** An id that another answer hardly has, and the same answer always. */
  private String id(int index) {
    CRC32 crc = new CRC32();
    crc.update((index + salt).getBytes(StandardCharsets.UTF_8));
    String digits = Long.toString(crc.getValue(), 36).toLowerCase(Locale.ROOT);
    return "c" + "0".repeat(ID_DIGITS - digits.length()) + digits;
  }
}
