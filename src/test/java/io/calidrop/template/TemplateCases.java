package io.calidrop.template;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;

/**
 * Templates with what Jinja2 3.1.6 makes of them under Hugging Face's settings, or null where it
 * has an error.
 *
 * @param values that all of them get
 */
record TemplateCases(Map<String, Object> values, Map<String, String> cases) {
  private static final TemplateCases ALL = read();

  static Map<String, String> all() {
    return ALL.cases;
  }

  static Map<String, Object> given() {
    return ALL.values;
  }

  static List<String> sources() {
    return List.copyOf(ALL.cases.keySet());
  }

  private static TemplateCases read() {
    try (InputStream in = TemplateCases.class.getResourceAsStream("cases.json")) {
      return new ObjectMapper()
          .enable(DeserializationFeature.USE_LONG_FOR_INTS)
          .readValue(in, new TypeReference<>() {});
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
