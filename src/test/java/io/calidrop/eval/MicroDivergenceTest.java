package io.calidrop.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.MicroModel;
import io.calidrop.TestData;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.gguf.GgufFile;
import io.calidrop.model.LoadOptions;
import io.calidrop.model.ModelLoader;
import io.calidrop.model.Transformer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Divergence under eviction on a model of random weights, against a float64 forward pass. */
class MicroDivergenceTest {
  private static final int NO_MORE_PRUNES = 1024;

  @TempDir private Path directory;

  @Test
  void compressedOnceItIsThatOfTheReference() {
    JsonNode reference = TestData.reference("divergence.json");
    List<CacheOptions> caches = new ArrayList<>();
    reference.get("cells").forEach(cell -> caches.add(options(cell)));
    TextWindow window =
        new TextWindow(
            TestData.ints(reference.get("tokens")), true, reference.get("prompt").intValue());
    try (GgufFile file = MicroModel.open("F32", directory);
        Transformer model = ModelLoader.load(file, new LoadOptions(2, true));
        CacheQuality quality = new CacheQuality(model, KvTypes.of(KvType.F32), window, caches)) {
      List<CacheQuality.Result> results = quality.compare(caches);
      for (int i = 0; i < caches.size(); i++) {
        JsonNode cell = reference.get("cells").get(i);
        assertThat(results.get(i).divergence())
            .as("%s", cell)
            .isCloseTo(cell.get("kl").doubleValue(), withinPercentage(1));
        assertThat(results.get(i).fullPerplexity())
            .isCloseTo(reference.get("full_perplexity").doubleValue(), withinPercentage(0.1));
      }
    }
  }

  private static CacheOptions options(JsonNode cell) {
    CacheBudget budget =
        new CacheBudget(
            cell.get("budget").intValue(),
            4,
            32,
            NO_MORE_PRUNES,
            Compress.ONCE,
            Positions.ABSOLUTE);
    CalibrationOptions calibration =
        cell.get("calidrop").textValue().equals("off")
            ? CalibrationOptions.off()
            : CalibrationOptions.paper(-1, -1);
    return CacheOptions.full(KvType.F32)
        .bounded(budget, EvictionPolicies.named(cell.get("policy").textValue()), calibration);
  }
}
