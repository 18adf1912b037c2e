package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.generate.Reasoning;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Row 14: words wrap at a terminal's edge, however the text comes. */
class WordWrapTest {
  private int columns = 20;

  private String write(String... pieces) {
    WordWrap wrap = new WordWrap(() -> columns);
    StringBuilder written = new StringBuilder();
    for (String piece : pieces) {
      written.append(wrap.add(piece));
    }
    return written.toString();
  }

  private List<String> screen(String... pieces) {
    return Screen.lines(columns, write(pieces));
  }

  @Test
  void aWordThatDoesNotFitMovesToTheNextLine() {
    assertThat(screen("The capital of Fra", "nce", " is", " Par", "is", ".\n", "\nYes."))
        .containsExactly("The capital of", "France is Paris.", "", "Yes.");
    assertThat(write("The capital of Fra")).isEqualTo("The capital of Fra");
    assertThat(write("short lines\nstay ", "as they\n\tare\n"))
        .isEqualTo("short lines\nstay as they\n\tare\n");
    assertThat(screen("exactly nineteen ch", " more"))
        .containsExactly("exactly nineteen ch", "more");
    assertThat(screen("exactly nineteen ch\nmore")).containsExactly("exactly nineteen ch", "more");
    assertThat(screen("see ", "abcdefghij".repeat(4), " end"))
        .containsExactly("see", "abcdefghijabcdefghi", "jabcdefghijabcdefgh", "ij end");
  }

  /** How a text is cut into tokens does not show. */
  @Test
  void piecesDoNotMatter() {
    String text =
        "Ein l\u00e4ngerer Satz, mit W\u00f6rtern\tund Tabs, 日本語の文章、「これ」も。 "
            + "emoji 👩‍👩‍👧 and 👍🏽, cafe\u0301\n- a list item that is long\n  1) nested\n"
            + "```java\nint x = 1;    // never wrapped\n```\nend of it all, at last.";
    SplittableRandom random = new SplittableRandom(7);
    for (columns = 10; columns < 90; columns += 3) {
      List<String> whole = screen(text);
      for (int round = 0; round < 5; round++) {
        WordWrap wrap = new WordWrap(() -> columns);
        StringBuilder written = new StringBuilder();
        int[] points = text.codePoints().toArray();
        for (int at = 0; at < points.length; ) {
          int n = Math.min(points.length - at, 1 + random.nextInt(4));
          written.append(wrap.add(new String(points, at, n)));
          at += n;
        }
        assertThat(Screen.lines(columns, written.toString())).isEqualTo(whole);
      }
      String letters = String.join("", whole).replaceAll("[\\s\u21a9]", "");
      assertThat(letters).as("nothing is lost").isEqualTo(text.replaceAll("\\s", ""));
    }
  }

  @Test
  void ideographsArePartedButNotFromTheirPunctuation() {
    columns = 11;
    assertThat(screen("日本語の文章、これは")).containsExactly("日本語の文", "章、これは");
    assertThat(screen("日本語の「文章」")).containsExactly("日本語の", "「文章」");
    assertThat(screen("日本語", "の文。そ")).containsExactly("日本語の", "文。そ");
    assertThat(screen("ab 한국어 문장")).containsExactly("ab 한국어", "문장");
  }

  @Test
  void whatBelongsToACharacterStaysWithIt() {
    columns = 12;
    assertThat(screen("eight ch", " 👩‍", "👩‍👧 ok")).containsExactly("eight ch", "👩‍👩‍👧 ok");
    assertThat(screen("eight char", "s e\u0301te\u0301"))
        .containsExactly("eight chars", "e\u0301te\u0301");
    assertThat(screen("0123456789", "👍🏽")).containsExactly("0123456789", "👍🏽");
    assertThat(screen("012345678", " ❤", "\uFE0F x")).containsExactly("012345678", "❤\uFE0F x");
  }

  @Test
  void listsAndParagraphsKeepTheirIndentation() {
    assertThat(
            screen(
                "- one two three four five\n", "  12. a bb ccccc dddd eeeee\n    plain text of it"))
        .containsExactly(
            "- one two three",
            "  four five",
            "  12. a bb ccccc",
            "      dddd eeeee",
            "    plain text of",
            "    it");
    assertThat(screen(" ".repeat(14) + "deep text"))
        .as("no indentation that leaves no room")
        .containsExactly(" ".repeat(14) + "deep", "text");
  }

  @Test
  void codeIsLeftToTheTerminalSoThatItCanBeCopied() {
    String code = "```java\nint number = 1234567890;\n```\n";
    assertThat(write(code)).isEqualTo(code);
    assertThat(screen(code + "int number = 1234567890;")).endsWith("int number =", "1234567890;");
  }

  @Test
  void aTerminalOfUnknownOrTinyWidthWrapsItself() {
    String text = "A text that is longer than any of these terminals is wide, by far.";
    for (int width : new int[] {0, 1, 9}) {
      columns = width;
      assertThat(write(text)).isEqualTo(text);
    }
    columns = 10;
    assertThat(screen("a bc defgh ijklmnopqrstu v"))
        .containsExactly("a bc", "defgh", "ijklmnopq", "rstu v");
  }

  @Test
  void theWidthIsAskedForEachLine() {
    WordWrap wrap = new WordWrap(() -> columns);
    String first = wrap.add("one two three four five ");
    columns = 12;
    String second = wrap.add("six seven eight nine ten\n");
    columns = 40;
    String third = wrap.add("eleven twelve thirteen fourteen");
    assertThat(Screen.lines(40, first + second + third))
        .containsExactly(
            "one two three four",
            "five",
            "six seven",
            "eight nine",
            "ten",
            "eleven twelve thirteen fourteen");
  }

  @Test
  void controlCharactersOfAModelDoNotReachTheTerminal() {
    assertThat(write("a\u001b[2Jb\r\nc\u0007\u0085d\u007f")).isEqualTo("a[2Jb\ncd");
  }

  private static String reasoning(boolean color, Optional<Reasoning> opened, String... pieces) {
    TerminalText text = new TerminalText(() -> 20, color, opened);
    StringBuilder written = new StringBuilder();
    for (String piece : pieces) {
      written.append(text.add(piece));
    }
    return written.append(text.end()).toString();
  }

  @Test
  void whatAModelThinksIsDimmed() {
    String whole = "<think>\nWell, two and two</think>\n\nFour.";
    String[][] cuts = {
      {whole}, whole.split(""), {"<thi", "nk>\nWell, two and two</th", "ink>\n\nFour."}
    };
    for (String[] pieces : cuts) {
      String written = reasoning(true, Optional.empty(), pieces);
      assertThat(Screen.dimmed(written)).isEqualTo("<think>Well, two and two</think>");
      assertThat(Screen.lines(20, written))
          .containsExactly("<think>", "Well, two and", "two</think>", "", "Four.");
      assertThat(reasoning(false, Optional.empty(), pieces)).doesNotContain("[2m");
    }
    String opened = reasoning(true, Optional.of(Reasoning.THINK), "Hm", ".</think>", "4");
    assertThat(Screen.dimmed(opened)).isEqualTo("Hm.</think>");
    assertThat(Screen.dimmed(reasoning(true, Optional.empty(), "[THINK]Hm[/THINK]4")))
        .isEqualTo("[THINK]Hm[/THINK]");
    assertThat(reasoning(true, Optional.empty(), "<think>never", " ends")).endsWith("\u001b[22m");
  }

  @Test
  void aPipeGetsTheTextAsItIs() {
    String text = "<think>long enough to wrap anywhere</think>\u001b[1m and a tab\t.\r\n";
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrintStream stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    Io io = new Io(InputStream.nullInputStream(), stream, stream, true, false, true);
    try (Interrupts interrupts = new Interrupts(() -> {})) {
      TextOutput output =
          new TextOutput(io, interrupts, new TerminalWidth(), true, Optional.of(Reasoning.THINK));
      output.accept(text);
      output.end();
    }
    assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo(text + System.lineSeparator());
  }

  @Test
  void whatOnlySpeaksOfTheMarksIsNotDimmed() {
    for (String text : List.of("The <think> mark", "<thin ice", "<thi", "[THINGS]", " ", "")) {
      assertThat(reasoning(true, Optional.empty(), text)).isEqualTo(text);
    }
  }
}
