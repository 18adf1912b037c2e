package io.calidrop.serve;

/** Texts of clients for messages. */
final class Texts {
  private static final int SHOWN = 60; // characters

  private Texts() {}

  /** A text in one line, or its beginning. */
  static String shortened(String text) {
    String line = text.replaceAll("\\s+", " ");
    return line.length() <= SHOWN ? line : line.substring(0, SHOWN) + "...";
  }
}
