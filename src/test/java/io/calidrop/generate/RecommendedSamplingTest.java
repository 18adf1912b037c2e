package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.bench.RandomModel;
import io.calidrop.gguf.GgufWriter;
import io.calidrop.sampling.SamplerOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecommendedSamplingTest {
  @TempDir private Path directory;

  private static RecommendedSampling of(Object... keysAndValues) {
    GgufWriter file = new GgufWriter();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      file.put("general.sampling." + keysAndValues[i], keysAndValues[i + 1]);
    }
    return RecommendedSampling.of(file.metadata());
  }

  @Test
  void takesWhatTheFileNamesAndNothingElse() {
    assertThat(of()).isEqualTo(of("mirostat", 0, "xtc_probability", 0f));
    assertThat(of().options().given()).isEmpty();
    assertThat(of("temp", 0.6f, "top_k", 20, "penalty_repeat", 1.05f).options())
        .as("0.6 as a float is 0.6000000238")
        .hasToString("temperature 0.6, top-k 20, repeat penalty 1.05");
    assertThat(of("temp", 1, "top_p", 0.95f, "min_p", 0f, "penalty_last_n", 256).options())
        .hasToString("temperature 1.0, top-p 0.95, min-p 0.0, repeat-last-n 256");
    assertThat(of("top_k", -1).options()).as("all tokens").hasToString("top-k 0");
  }

  @Test
  void wrongValuesAreToldOnceEachAndLeftOut() {
    Map<String, Object> wrong =
        Map.of(
            "temp", Float.NaN, "top_k", 2.5f, "top_p", 1.5f, "min_p", -0.1f, "penalty_repeat", "1");
    wrong.forEach(
        (key, value) -> {
          RecommendedSampling read = of(key, value, "penalty_last_n", 7);
          assertThat(read.options()).hasToString("repeat-last-n 7");
          assertThat(read.notices())
              .singleElement()
              .asString()
              .startsWith("the new file: general.sampling.%s is not followed: ".formatted(key))
              .doesNotContain("\n");
        });
    assertThat(of("temp", Float.NaN).notices().getFirst())
        .endsWith("temperature is NaN, allowed is 0 (greedy) to 1e6");
  }

  @Test
  void whatThereIsNothingLikeIsTold() {
    RecommendedSampling read =
        of("mirostat", 2, "xtc_probability", 0.5f, "sequence", "top_k;temp", "temp", 0.5f);
    assertThat(read.options()).hasToString("temperature 0.5");
    assertThat(read.notices()).hasSize(3).allMatch(text -> text.contains("is not followed"));
  }

  /** A file whose temperature is 0 gives one text whatever the seed, unless another is chosen. */
  @Test
  void everyWayToATextFollowsTheFile() throws IOException {
    Path path = directory.resolve("greedy.gguf");
    new RandomModel(RandomModel.Shape.STINY, RandomModel.Mix.Q8_0)
        .declare()
        .put("general.sampling.temp", 0f)
        .write(path);
    SamplerOptions chosen = SamplerOptions.defaults().withTemperature(5).withTopK(0);
    try (Engine engine = Engine.load(path)) {
      String greedy = complete(engine, SamplerOptions.greedy());
      Stream.of(1, 2, 3)
          .map(seed -> SamplerOptions.defaults().withSeed(seed))
          .forEach(
              open -> {
                assertThat(complete(engine, open)).isEqualTo(greedy);
                assertThat(batched(engine, open)).isEqualTo(greedy);
              });
      assertThat(complete(engine, chosen)).isNotEqualTo(greedy);
      assertThat(batched(engine, chosen)).isNotEqualTo(greedy);
    }
  }

  private static String complete(Engine engine, SamplerOptions sampling) {
    return engine.complete("The", options(sampling)).text();
  }

  private static String batched(Engine engine, SamplerOptions sampling) {
    StringBuilder text = new StringBuilder();
    int[] prompt = engine.encode("The");
    try (var session = engine.newSession()) {
      GenerationBatch batch = engine.newBatch();
      batch.add(
          session,
          prompt,
          prompt.length,
          options(sampling),
          text::append,
          () -> false,
          result -> {});
      while (batch.size() > 0) {
        batch.step();
      }
    }
    return text.toString();
  }

  private static GenerationOptions options(SamplerOptions sampling) {
    return GenerationOptions.defaults().withMaxTokens(12).withSampling(sampling);
  }
}
