package io.calidrop.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.Optional;

/** How models write calls of functions. Immutable: threads may share it. */
public sealed interface CallForm permits JsonCalls, ParameterCalls {
  /** What the first call begins with: a text, or the text of a control token. */
  String mark();

  /**
   * What an answer is that may call functions, or must.
   *
   * @param functions schemas of the arguments by the functions' names, at least one
   * @param several whether there may be more than one call, where the form has a way to say so
   * @param otherwise what the answer is where it calls none; empty for any text, which may then
   *     stand before a call, too
   * @throws IllegalArgumentException as {@link Constraint#of(JsonNode)}
   */
  @SuppressWarnings("exports") // of Jackson: for who reads requests as JSON
  default Constraint constraint(
      Map<String, JsonNode> functions,
      boolean required,
      boolean several,
      Optional<Constraint> otherwise) {
    if (otherwise.isPresent()) {
      return grammar(functions, required, several, otherwise);
    }
    String key = "%s %s %s %s".formatted(this, required, several, functions);
    return Constraint.recent(key, () -> grammar(functions, required, several, otherwise));
  }

  /** {@link #constraint}, made anew. */
  @SuppressWarnings("exports") // of Jackson: for who reads requests as JSON
  Constraint grammar(
      Map<String, JsonNode> functions,
      boolean required,
      boolean several,
      Optional<Constraint> otherwise);
}
