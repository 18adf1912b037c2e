package io.calidrop.cli;

import io.calidrop.gguf.GgufWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/** A model file of a vocabulary alone, whose tokens are the 256 bytes. */
final class ByteVocabulary {
  private ByteVocabulary() {}

  static Path write(Path file) throws IOException {
    List<String> tokens =
        IntStream.range(0x21, 0x144)
            .filter(c -> c < 0x7f || c > 0xa0 && c != 0xad)
            .mapToObj(Character::toString)
            .toList();
    new GgufWriter()
        .put("general.architecture", "llama")
        .put("tokenizer.ggml.model", "gpt2")
        .put("tokenizer.ggml.pre", "llama-bpe")
        .put("tokenizer.ggml.tokens", tokens)
        .put("tokenizer.ggml.token_type", Collections.nCopies(tokens.size(), 1))
        .put("tokenizer.ggml.merges", List.of("! \""))
        .put("tokenizer.ggml.bos_token_id", 0)
        .put("tokenizer.ggml.eos_token_id", 1)
        .write(file);
    return file;
  }
}
