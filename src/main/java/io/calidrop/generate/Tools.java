package io.calidrop.generate;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Functions that a model may call.
 *
 * @param definitions as templates get them: {@code {"type": "function", "function": {..}}}
 * @param parameters schemas of the arguments by the functions' names
 * @param required whether one must be called
 * @param named the only one that may be called
 * @param several whether more than one call may be asked for at a time
 */
@SuppressWarnings("exports") // of Jackson: for who reads requests as JSON
public record Tools(
    List<Map<String, Object>> definitions,
    Map<String, JsonNode> parameters,
    boolean required,
    Optional<String> named,
    boolean several) {

  /** The functions that may be called. */
  Map<String, JsonNode> callable() {
    return named.map(name -> Map.of(name, parameters.get(name))).orElse(parameters);
  }
}
