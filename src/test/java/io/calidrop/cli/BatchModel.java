package io.calidrop.cli;

import io.calidrop.bench.RandomModel;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.GgufWriter;
import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.TensorInfo;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The tiny model of random weights, with a vocabulary of bytes and a chat template. */
final class BatchModel {
  private static final int CONTROL = 3;
  private static final String TEMPLATE =
      "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
          + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

  private BatchModel() {}

  /**
   * Writes the file.
   *
   * @param chat whether it has a chat template, and the tokens of one
   */
  static Path write(Path directory, boolean chat) throws IOException {
    Path plain = directory.resolve("plain.gguf");
    Path model = directory.resolve("model.gguf");
    new RandomModel(RandomModel.Shape.STINY, RandomModel.Mix.F32).write(plain);
    try (GgufFile file = GgufFile.open(plain)) {
      GgufWriter writer = new GgufWriter();
      for (String key : file.metadata().keys()) {
        Metadata.Value value = file.metadata().value(key).orElseThrow();
        if (!key.startsWith("tokenizer.")) {
          writer.put(
              key,
              switch (value.value()) {
                case Long number -> number.intValue();
                case Double number -> number.floatValue();
                default -> value.value();
              });
        }
      }
      int size = (int) file.tensor("token_embd.weight").orElseThrow().rows();
      vocabulary(writer, size, chat);
      for (TensorInfo tensor : file.tensors()) {
        byte[] bytes = file.data(tensor).toArray(ValueLayout.JAVA_BYTE);
        long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
        writer.tensor(tensor.name(), tensor.type(), out -> out.write(bytes), shape);
      }
      writer.write(model);
    }
    return model;
  }

  private static void vocabulary(GgufWriter writer, int size, boolean chat) {
    List<String> tokens = new ArrayList<>(List.of("<|endoftext|>"));
    if (chat) {
      tokens.addAll(List.of("<|im_start|>", "<|im_end|>"));
    }
    int controls = tokens.size();
    int unprintable = 256;
    for (int b = 0; b < 256; b++) { // as GPT-2 spells bytes
      boolean printable = b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae;
      tokens.add(Character.toString(printable ? b : unprintable++));
    }
    while (tokens.size() < size) {
      tokens.add("more" + tokens.size());
    }
    List<Integer> types = new ArrayList<>(Collections.nCopies(size, 1));
    Collections.fill(types.subList(0, controls), CONTROL);
    writer
        .put("tokenizer.ggml.model", "gpt2")
        .put("tokenizer.ggml.pre", "smollm")
        .put("tokenizer.ggml.tokens", tokens)
        .put("tokenizer.ggml.token_type", types)
        .put("tokenizer.ggml.merges", List.of("t h"))
        .put("tokenizer.ggml.bos_token_id", 0)
        .put("tokenizer.ggml.eos_token_id", chat ? 2 : 0)
        .put("tokenizer.ggml.add_bos_token", false);
    if (chat) {
      writer.put("tokenizer.chat_template", TEMPLATE);
    }
  }
}
