package io.calidrop.constraint;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * Random logits give texts that parse and fit, as an independent validator sees it. More schemas
 * with {@code -Dcalidrop.schemas=5000}.
 */
class RandomLogitsTest {
  private static final int SCHEMAS = Integer.getInteger("calidrop.schemas", 300);
  private static final int ANSWERS = 4;

  private static final ObjectMapper JSON =
      new ObjectMapper()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

  private static final JsonSchemaFactory VALIDATORS =
      JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012);

  static void requireFits(JsonNode schema, String text) {
    SchemaValidatorsConfig config =
        SchemaValidatorsConfig.builder().formatAssertionsEnabled(true).build();
    JsonSchema validator = VALIDATORS.getSchema(schema, config);
    try {
      JsonNode value = JSON.readTree(text);
      assertThat(validator.validate(value)).as("%s for %s", text, schema).isEmpty();
    } catch (JsonProcessingException e) {
      throw new AssertionError(text + " for " + schema, e);
    }
  }

  @Test
  void everyAnswerParsesAndFits() {
    int endless = 0;
    for (int seed = 0; seed < SCHEMAS; seed++) {
      JsonNode schema = RandomSchema.of(seed);
      Constraint constraint = Constraint.of(schema);
      for (int i = 0; i < ANSWERS; i++) {
        Optional<String> answer = RandomAnswer.to(constraint, 31L * seed + i);
        answer.ifPresent(text -> requireFits(schema, text));
        endless += answer.isPresent() ? 0 : 1;
      }
    }
    assertThat(endless).isLessThan(SCHEMAS * ANSWERS / 50);
  }
}
