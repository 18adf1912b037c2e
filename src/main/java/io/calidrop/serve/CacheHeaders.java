package io.calidrop.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.eclipse.jetty.http.HttpFields;

/**
 * How a request's cache is kept, for clients that can set headers more easily than fields. A field
 * comes before its header.
 */
final class CacheHeaders {
  private static final String FIELD = "calidrop";

  private static final Map<String, Function<String, JsonNode>> HEADERS = new LinkedHashMap<>();

  static {
    for (String name : List.of("budget", "recall")) {
      HEADERS.put(name, text -> new IntNode(Integer.parseInt(text)));
    }
    for (String name : List.of("policy", "store")) {
      HEADERS.put(name, TextNode::valueOf);
    }
  }

  private CacheHeaders() {}

  /** The request with what the headers say. */
  static JsonNode merged(HttpFields headers, JsonNode request) {
    if (!(request instanceof ObjectNode object)) {
      return request;
    }
    for (Map.Entry<String, Function<String, JsonNode>> known : HEADERS.entrySet()) {
      String header = "X-Calidrop-" + known.getKey();
      String text = headers.get(header);
      if (text == null) {
        continue;
      }
      if (!object.hasNonNull(FIELD)) {
        object.putObject(FIELD);
      }
      if (object.get(FIELD) instanceof ObjectNode fields && !fields.hasNonNull(known.getKey())) {
        try {
          fields.set(known.getKey(), known.getValue().apply(text.strip()));
        } catch (NumberFormatException e) {
          throw ApiException.badRequest(
              "%s: \"%s\" is no whole number".formatted(header, Texts.shortened(text)));
        }
      }
    }
    return object;
  }
}
