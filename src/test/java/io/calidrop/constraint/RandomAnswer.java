package io.calidrop.constraint;

import io.calidrop.sampling.SamplerChain;
import io.calidrop.sampling.SamplerOptions;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Random;

/** What comes out when the logits are random and a constraint masks them. */
final class RandomAnswer {
  static final WordTokenizer TOKENIZER = new WordTokenizer();

  private static final int MOST = 4000; // tokens

  private RandomAnswer() {}

  /** A text; empty where it does not come to an end in some thousand tokens. */
  static Optional<String> to(Constraint constraint, long seed) {
    Random random = new Random(seed);
    SamplerOptions options =
        SamplerOptions.defaults().withTemperature(random.nextInt(4) == 0 ? 0 : 1).withSeed(seed);
    SamplerChain sampler = new SamplerChain(options, TOKENIZER.vocabularySize());
    ConstraintState state = constraint.begin(TOKENIZER);
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    double haste = 6 * random.nextDouble(); // to come to an end
    for (int i = 0; i < MOST; i++) {
      float[] logits = new float[TOKENIZER.vocabularySize()];
      for (int id = 0; id < logits.length; id++) {
        logits[id] = 4 * random.nextFloat() + (ends(id) ? (float) haste : 0);
      }
      state.mask(logits);
      int token = sampler.sample(logits);
      if (token == WordTokenizer.END) {
        return Optional.of(text.toString(StandardCharsets.UTF_8));
      }
      sampler.accept(token);
      state.accept(token);
      text.writeBytes(TOKENIZER.bytes(token));
      if (state.isFinished()) {
        return Optional.of(text.toString(StandardCharsets.UTF_8));
      }
      haste += 0.05;
    }
    return Optional.empty();
  }

  private static boolean ends(int id) {
    byte[] bytes = TOKENIZER.bytes(id);
    return bytes.length == 0 || "\"]}".indexOf(bytes[0]) >= 0 && bytes.length < 3;
  }
}
