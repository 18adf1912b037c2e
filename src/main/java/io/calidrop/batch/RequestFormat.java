package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.generate.GenerationOptions;
import java.util.Map;

/**
 * The forms that a request comes in. All know the same {@linkplain RequestFields fields}, and in
 * all of them {@code null} means that a field is absent; they differ in what holds the text.
 */
public enum RequestFormat {
  /** Our own: {@code messages}, or a {@code prompt} that is a user's message. */
  OWN,
  /** OpenAI's chat completions: {@code messages}. */
  CHAT,
  /** OpenAI's completions: a {@code prompt} that is continued as it stands. */
  COMPLETION;

  /**
   * What a request asks for that a batch answers.
   *
   * @param body the request, an object
   * @param defaults of what it does not say
   * @throws IllegalArgumentException if a field is unknown or asks for what there is not; the
   *     message names it
   */
  public RequestBody read(JsonNode body, GenerationOptions defaults) {
    return read(body, defaults, false);
  }

  /** Like {@link #read}, of a request that a server answers. */
  public RequestBody readServed(JsonNode body, GenerationOptions defaults) {
    return read(body, defaults, true);
  }

  private RequestBody read(JsonNode body, GenerationOptions defaults, boolean served) {
    if (!body.isObject()) {
      throw new IllegalArgumentException("the request is no JSON object: " + Values.shown(body));
    }
    RequestDraft draft = new RequestDraft(this, defaults, served);
    for (Map.Entry<String, JsonNode> field : body.properties()) {
      if (!field.getValue().isNull()) {
        RequestFields.take(field.getKey(), field.getValue(), draft);
      }
    }
    return draft.finish();
  }
}
