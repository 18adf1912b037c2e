package io.calidrop.tokenizer;

import static io.calidrop.tokenizer.Expressions.BLANKS;
import static io.calidrop.tokenizer.Expressions.CASED_LETTERS;
import static io.calidrop.tokenizer.Expressions.CONTRACTION;
import static io.calidrop.tokenizer.Expressions.DIGIT;
import static io.calidrop.tokenizer.Expressions.GPT_2;
import static io.calidrop.tokenizer.Expressions.HAN_AND_KANA;
import static io.calidrop.tokenizer.Expressions.HAN_KANA_AND_HANGUL;
import static io.calidrop.tokenizer.Expressions.LETTERS;
import static io.calidrop.tokenizer.Expressions.LINES;
import static io.calidrop.tokenizer.Expressions.LOWER;
import static io.calidrop.tokenizer.Expressions.PUNCTUATION;
import static io.calidrop.tokenizer.Expressions.SPACES;
import static io.calidrop.tokenizer.Expressions.THREE_DIGITS;
import static io.calidrop.tokenizer.Expressions.UNPUNCTUATED;
import static io.calidrop.tokenizer.Expressions.UNSPACED;
import static io.calidrop.tokenizer.Expressions.UPPER;
import static io.calidrop.tokenizer.Expressions.cased;
import static io.calidrop.tokenizer.Expressions.cl100k;
import static io.calidrop.tokenizer.Expressions.deepSeek;
import static io.calidrop.tokenizer.Expressions.either;
import static io.calidrop.tokenizer.Expressions.o200k;

import io.calidrop.gguf.ModelFormatException;
import io.calidrop.tokenizer.Splitter.Matches;
import java.util.ArrayList;
import java.util.List;

/**
 * The pre-tokenizers under the names that GGUF files use. Expressions are compiled for the one that
 * a model needs.
 */
final class PreTokenizerFamily {
  /** A pass over the text, not compiled yet. */
  record Pass(String expression, Matches matches) {
    Splitter compile() {
      return new Splitter(expression, matches);
    }
  }

  private static final List<PreTokenizerFamily> ALL =
      List.of(
          named("default")
              .cut("[\\p{P}$+<=>^~|]+")
              .cut(GPT_2)
              .cut("\\p{N}+")
              .cut("[0-9][0-9][0-9]"),
          named("gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4")
              .or("gigachat", "a.x-4.0", "mellum", "modern-bert", "roberta-bpe")
              .or("jina-es", "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code")
              .cut(GPT_2),
          named("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")
              .or("mellum2")
              .cut(DIGIT)
              .cut(GPT_2),
          named("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0")
              .or("lfm2", "jina-v5-nano")
              .ignoringMerges()
              .addingBos()
              .cut(cl100k(THREE_DIGITS)),
          named("smaug-bpe", "dbrx", "chatglm-bpe").cut(cl100k(THREE_DIGITS)),
          named("glm4", "glm5").ignoringMerges().cut(cl100k(THREE_DIGITS)),
          named("minicpm5").ignoringMerges().cut(THREE_DIGITS).cut(cl100k("\\p{N}+")),
          named("qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan", "solar-open")
              .or("grok-2", "kormo", "f2llmv2")
              .cut(cl100k(DIGIT)),
          named("laguna").cut(LINES).cut(cl100k(DIGIT)),
          named("qwen35")
              .cut(
                  either(
                      CONTRACTION,
                      "[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+",
                      DIGIT,
                      " ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*",
                      SPACES)),
          named("ufakzeka") // Turkish, where a suffix follows an apostrophe
              .cut(either(LETTERS, DIGIT, PUNCTUATION + "[\\r\\n]*", SPACES)),
          named("seed-coder")
              .cut(either(CONTRACTION, LETTERS, DIGIT, " ?[^\\s\\p{L}\\p{N}\\r\\n]+", SPACES)),
          named("bailingmoe", "bailingmoe2", "llada-moe")
              .cut(
                  either(
                      CONTRACTION,
                      LETTERS,
                      DIGIT,
                      PUNCTUATION + "[\\r\\n]*",
                      "\\s*[\\r\\n]",
                      BLANKS)),
          named("exaone-moe") // letters and single spaces between them are one word
              .cut(
                  either(
                      CONTRACTION,
                      "[^\\r\\n\\p{L}\\p{N}]?\\p{L}[\\p{L}\\p{M}]*+(?: \\p{L}[\\p{L}\\p{M}]*+)*+",
                      DIGIT,
                      PUNCTUATION + "[\\r\\n/]?",
                      "\\s*[\\r\\n]",
                      BLANKS)),
          named("jais-2")
              .cut(
                  either(
                      CONTRACTION,
                      LETTERS,
                      THREE_DIGITS,
                      PUNCTUATION + "[\\r\\n]*",
                      // No line break follows a piece that ends in a blank: without the
                      // look-behind a long run is looked through again after each piece.
                      "(?<![^\\S\\r\\n])\\s*[\\r\\n]+",
                      "\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)",
                      "\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)",
                      "\\s{1,2}(?!\\S)|\\s")),
          named("tekken")
              .ignoringMerges()
              .addingBos()
              .cut(either(cased(UPPER, LOWER, ""), DIGIT, PUNCTUATION + "[\\r\\n/]*", SPACES)),
          named("gpt-4o", "llama4", "minimax-m2", "kanana2", "talkie").cut(o200k(THREE_DIGITS)),
          named("granite-embed-multi-97m").ignoringMerges().cut(o200k(THREE_DIGITS)),
          named("tiny_aya", "cohere2moe").threes("(?<!\\d)\\d++(?!\\w)").cut(o200k(THREE_DIGITS)),
          named("youtu")
              .ignoringMerges()
              .cut(
                  either(
                      "[\\uac00-\\ud7a3\\u3131-\\u318e]+",
                      "[\\uff01\\u2026\\u201c\\u201d\\u2018\\u2019\\u2014\\uff1a\\uff1b\\uff0c"
                          + "\\u3001-\\u303f\\ufe30-\\ufe4f]+",
                      "[\\u3105-\\u312f]+",
                      HAN_AND_KANA))
              .cut(o200k(DIGIT)),
          named("kimi-k2")
              .cut(
                  either(
                      "\\p{IsHan}+",
                      cased(withoutHan(UPPER), withoutHan(LOWER), CONTRACTION + "?"),
                      THREE_DIGITS,
                      PUNCTUATION + "[\\r\\n]*",
                      SPACES)),
          named("deepseek-llm")
              .cut("[\\r\\n]")
              .cut("\\s?[" + CASED_LETTERS + "]+")
              .cut("\\s?[!-/:-~\\uff01-\\uff0f\\uff1a-\\uff5e\\u2018-\\u201f\\u3000-\\u3002]+")
              .cut("(?<!\\s)\\s+\\z") // tried once for a run of blanks, not for each of them
              .cut(HAN_KANA_AND_HANGUL)
              .cut("\\p{N}+"),
          named("deepseek-coder")
              .cut("[\\r\\n]")
              .cut("\\s?\\p{L}+")
              .cut("\\s?\\p{P}+")
              .cut(HAN_KANA_AND_HANGUL)
              .cut(DIGIT),
          named("deepseek-v3", "hunyuan-dense", "hy_v4", "joyai-llm")
              .cut(THREE_DIGITS)
              .cut(HAN_AND_KANA)
              .cut(deepSeek(" ?[\\p{P}\\p{S}]+[\\r\\n]*", SPACES)),
          named("spark2_5")
              .cut(THREE_DIGITS)
              .cut(HAN_AND_KANA)
              .cut(deepSeek(" ?[\\p{P}\\p{S}]+", "[\\r\\n]", BLANKS))
              .cut(DIGIT),
          named("afmoe")
              .threes("\\p{N}+")
              .cut(UNSPACED)
              .cut(deepSeek(" ?[\\p{P}\\p{S}]+[\\r\\n]*", SPACES)),
          named("falcon").cut("[\\p{P}$+<=>^~|`]+").cut(GPT_2).cut("[0-9][0-9][0-9]"),
          named("bloom", "poro-chat", "gpt3-finnish").cut(UNPUNCTUATED),
          named("viking").cut(UNPUNCTUATED).cut(DIGIT),
          named("superbpe").cut("\\p{N}+").openThrees("\\d+"), // words of several words
          named("chameleon")
              .addingBos()
              .cut("<sentinel:[0-9]+>")
              .cut("IMGIMG[A-I]{1,4}Z")
              .cut("[\\t\\n]|    |  ")
              .cut(DIGIT)
              .cut("[\\p{P}!-/:-@\\[-`{-~]")
              .cut(GPT_2),
          named("gemma4").addingBos().spelltAsText().cut(LINES),
          named("granite-embed-multi-311m", "sarvam-moe").spelltAsText().cut(LINES));

  private final List<String> names = new ArrayList<>();
  private final List<Pass> passes = new ArrayList<>();
  private boolean ignoresMerges;
  private boolean addsBos;
  private boolean byteLevel = true;

  private PreTokenizerFamily() {}

  /**
   * @throws ModelFormatException if no pre-tokenizer has that name
   */
  static PreTokenizerFamily of(String name) {
    for (PreTokenizerFamily family : ALL) {
      if (family.names.contains(name)) {
        return family;
      }
    }
    throw new ModelFormatException(
        "pre-tokenizer %s is not supported; supported: %s"
            .formatted(name, String.join(", ", names())));
  }

  /** Every name. */
  static List<String> names() {
    return ALL.stream().flatMap(family -> family.names.stream()).toList();
  }

  List<Pass> passes() {
    return List.copyOf(passes);
  }

  boolean ignoresMerges() {
    return ignoresMerges;
  }

  boolean addsBos() {
    return addsBos;
  }

  boolean isByteLevel() {
    return byteLevel;
  }

  private static PreTokenizerFamily named(String... names) {
    return new PreTokenizerFamily().or(names);
  }

  private PreTokenizerFamily or(String... more) {
    names.addAll(List.of(more));
    return this;
  }

  private PreTokenizerFamily cut(String expression) {
    passes.add(new Pass(expression, Matches.WHOLE));
    return this;
  }

  private PreTokenizerFamily threes(String expression) {
    passes.add(new Pass(expression, Matches.THREES));
    return this;
  }

  private PreTokenizerFamily openThrees(String expression) {
    passes.add(new Pass(expression, Matches.OPEN_THREES));
    return this;
  }

  private PreTokenizerFamily ignoringMerges() {
    ignoresMerges = true;
    return this;
  }

  private PreTokenizerFamily addingBos() {
    addsBos = true;
    return this;
  }

  private PreTokenizerFamily spelltAsText() {
    byteLevel = false;
    return this;
  }

  private static String withoutHan(String letters) {
    return letters.replace("]", "&&[^\\p{IsHan}]]");
  }
}
