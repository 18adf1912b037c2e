package io.calidrop.tokenizer;

import io.calidrop.gguf.ModelFormatException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * How a byte-level BPE vocabulary cuts text into words before merging: the regular expressions of
 * the model families' own tokenizers, under the names that GGUF files use. Each expression cuts
 * what the ones before it left; what lies between matches stays a piece too.
 */
enum PreTokenizer {
  DEFAULT(List.of("default"), "[\\p{P}$+<=>^~|]+", Expressions.GPT_2, "\\p{N}+", "[0-9][0-9][0-9]"),
  GPT_2(List.of("gpt-2"), Expressions.GPT_2),
  SMOLLM(List.of("smollm"), "\\p{N}", Expressions.GPT_2),
  STARCODER(List.of("starcoder"), "\\p{N}", Expressions.GPT_2),
  REFACT(List.of("refact"), "\\p{N}", Expressions.GPT_2),
  LLAMA_BPE(List.of("llama-bpe", "llama3", "llama-v3"), Expressions.cl100k("\\p{N}{1,3}")),
  QWEN2(List.of("qwen2"), Expressions.cl100k("\\p{N}")),
  TEKKEN(
      List.of("tekken"),
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
          + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
          + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*"
          + Expressions.SPACES),
  DEEPSEEK_LLM(
      List.of("deepseek-llm"),
      "[\\r\\n]",
      "\\s?[" + Expressions.CASED_LETTERS + "]+",
      "\\s?[!-/:-~\\uff01-\\uff0f\\uff1a-\\uff5e\\u2018-\\u201f\\u3000-\\u3002]+",
      "\\s+\\z",
      Expressions.CJK,
      "\\p{N}+"),
  DEEPSEEK_CODER(
      List.of("deepseek-coder"),
      "[\\r\\n]",
      "\\s?\\p{L}+",
      "\\s?\\p{P}+",
      Expressions.CJK,
      "\\p{N}"),
  FALCON(List.of("falcon"), "[\\p{P}$+<=>^~|`]+", Expressions.GPT_2, "[0-9][0-9][0-9]");

  private final List<String> names;
  private final List<Pattern> patterns;

  PreTokenizer(List<String> names, String... expressions) {
    this.names = names;
    patterns =
        Arrays.stream(expressions)
            .map(expression -> Pattern.compile(expression, Pattern.UNICODE_CHARACTER_CLASS))
            .toList();
  }

  /**
   * @throws ModelFormatException if no pre-tokenizer has that name
   */
  static PreTokenizer of(String name) {
    for (PreTokenizer preTokenizer : values()) {
      if (preTokenizer.names.contains(name)) {
        return preTokenizer;
      }
    }
    String supported =
        Arrays.stream(values())
            .flatMap(preTokenizer -> preTokenizer.names.stream())
            .collect(Collectors.joining(", "));
    throw new ModelFormatException(
        "pre-tokenizer %s is not supported; supported: %s".formatted(name, supported));
  }

  /**
   * Whether a word that is a token of the vocabulary is that token, whatever merges would make of
   * it.
   */
  boolean ignoresMerges() {
    return this == LLAMA_BPE || this == TEKKEN;
  }

  /** Whether such models expect a BOS token where the metadata does not say. */
  boolean addsBos() {
    return this == LLAMA_BPE || this == TEKKEN;
  }

  /** The words of {@code text[from, to)} as their ends. */
  List<Integer> split(CharSequence text, int from, int to) {
    List<Integer> ends = List.of(to);
    for (Pattern pattern : patterns) {
      ends = split(pattern, text, from, ends);
    }
    return ends;
  }

  private static List<Integer> split(
      Pattern pattern, CharSequence text, int from, List<Integer> ends) {
    List<Integer> finer = new ArrayList<>(ends.size());
    Matcher matcher = pattern.matcher(text);
    int start = from;
    for (int end : ends) {
      matcher.region(start, end); // look-ahead and \\z end with the piece
      int last = start;
      while (matcher.find()) {
        if (matcher.start() > last) {
          finer.add(matcher.start());
        }
        last = matcher.end();
        finer.add(last);
      }
      if (last < end) {
        finer.add(end);
      }
      start = end;
    }
    return finer;
  }

  /** Expressions that several families share. */
  private static final class Expressions {
    static final String GPT_2 =
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
    static final String SPACES = "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    static final String CJK = "[\\u4e00-\\u9fa5\\u0800-\\u4e00\\uac00-\\ud7ff]+";
    static final String CASED_LETTERS =
        "A-Za-z\\u00b5\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u01ba\\u01bc-\\u01bf"
            + "\\u01c4-\\u0293\\u0295-\\u02af\\u0370-\\u0373\\u0376\\u0377\\u037b-\\u037d"
            + "\\u037f\\u0386\\u0388-\\u038a\\u038c\\u038e-\\u03a1\\u03a3-\\u03f5"
            + "\\u03f7-\\u0481\\u048a-\\u052f\\u0531-\\u0556\\u10a0-\\u10c5\\u13a0-\\u13f5"
            + "\\u13f8-\\u13fd\\u1c90-\\u1cba\\u1cbd-\\u1cbf\\u1d00-\\u1d2b\\u1d6b-\\u1d77"
            + "\\u1d79-\\u1d9a\\u1e00-\\u1f15\\u1f18-\\u1f1d\\u1f20-\\u1f45\\u1f48-\\u1f4d"
            + "\\u1f50-\\u1f57\\u1f59\\u1f5b\\u1f5d\\u1f5f-\\u1f7d\\u1f80-\\u1fb4"
            + "\\u1fb6-\\u1fbc\\u1fbe\\u1fc2-\\u1fc4\\u1fc6-\\u1fcc\\u1fd0-\\u1fd3"
            + "\\u1fd6-\\u1fdb\\u1fe0-\\u1fec\\u1ff2-\\u1ff4\\u1ff6-\\u1ffc\\u2102\\u2107"
            + "\\u210a-\\u2113\\u2115\\u2119-\\u211d\\u2124\\u2126\\u2128\\u212a-\\u212d"
            + "\\u212f-\\u2134\\u2139\\u213c-\\u213f\\u2145-\\u2149\\u214e\\u2183\\u2184"
            + "\\u2c00-\\u2c7b\\u2c7e-\\u2ce4\\u2ceb-\\u2cee\\u2cf2\\u2cf3\\ua640-\\ua66d"
            + "\\ua680-\\ua69b\\ua722-\\ua76f\\ua771-\\ua787\\ua78b-\\ua78e\\uab70-\\uabbf"
            + "\\ufb00-\\ufb06\\ufb13-\\ufb17\\uff21-\\uff3a\\uff41-\\uff5a"
            + "\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}"
            + "\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}"
            + "\\x{1e900}-\\x{1e943}";

    private Expressions() {}

    /** The form that OpenAI's cl100k vocabulary introduced. */
    static String cl100k(String numbers) {
      return "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
          + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
          + numbers
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
          + SPACES;
    }
  }
}
