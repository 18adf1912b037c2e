package io.calidrop.tokenizer;

/** Regular expressions that cut text into words, as the models' own tokenizers publish them. */
final class Expressions {
  static final String GPT_2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  static final String CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  static final String LETTERS = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
  static final String DIGIT = "\\p{N}";
  static final String THREE_DIGITS = "\\p{N}{1,3}";
  static final String PUNCTUATION = " ?[^\\s\\p{L}\\p{N}]+";
  static final String BLANKS = "\\s+(?!\\S)|\\s+";
  static final String SPACES = "\\s*[\\r\\n]+|" + BLANKS;

  /** What words of {@link #cased} begin with, and what they go on with. */
  static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";

  static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";

  static final String UNPUNCTUATED =
      " ?[^(\\s|.,!?\\u2026\\u3002\\uff0c\\u3001\\u0964\\u06d4\\u060c)]+";
  static final String LINES = "[^\\n]+|\\n+";
  static final String HAN_AND_KANA = "[\\u4e00-\\u9fa5\\u3040-\\u309f\\u30a0-\\u30ff]+";
  static final String HAN_KANA_AND_HANGUL = "[\\u4e00-\\u9fa5\\u0800-\\u4e00\\uac00-\\ud7ff]+";

  /** Scripts that are written without spaces, and Hangul. */
  static final String UNSPACED =
      "[\\u4e00-\\u9fff\\u3400-\\u4dbf\\u8c48-\\ufaff\\u3040-\\u309f\\u30a0-\\u30ff\\uff65-\\uff9f"
          + "\\u2f00-\\u2fdf\\u0e40-\\u0e7f\\u0e80-\\u0eff\\u1780-\\u17ff\\u1000-\\u109f\\uaa60-\\uaa7f"
          + "\\ua9e0-\\ua9ff\\uac00-\\ud7af\\u1100-\\u11ff]+";

  /** Of scripts with capitals. */
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

  private static final String ASCII_PUNCTUATION = "[!-/:-@\\[-`{-~]";

  private Expressions() {}

  static String either(String... alternatives) {
    return String.join("|", alternatives);
  }

  /** The form that OpenAI's cl100k vocabulary introduced. */
  static String cl100k(String numbers) {
    return either(CONTRACTION, LETTERS, numbers, PUNCTUATION + "[\\r\\n]*", SPACES);
  }

  /** The form of o200k: a word also ends where small letters are followed by a capital. */
  static String o200k(String numbers) {
    return either(
        cased(UPPER, LOWER, CONTRACTION + "?"), numbers, PUNCTUATION + "[\\r\\n/]*", SPACES);
  }

  /** Words by their capitals: any of them and small letters, or some and perhaps small letters. */
  static String cased(String upper, String lower, String suffix) {
    String before = "[^\\r\\n\\p{L}\\p{N}]?";
    return either(
        before + upper + "*" + lower + "+" + suffix, before + upper + "+" + lower + "*" + suffix);
  }

  /** The form of DeepSeek V3. */
  static String deepSeek(String... ends) {
    return either(
        ASCII_PUNCTUATION + "[A-Za-z]+",
        "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+",
        either(ends));
  }
}
