package io.calidrop.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {
  @TempDir private Path directory;

  private static Map<String, Object> row(Object... cells) {
    Map<String, Object> row = new LinkedHashMap<>();
    for (int i = 0; i < cells.length; i += 2) {
      row.put((String) cells[i], cells[i + 1]);
    }
    return row;
  }

  private static Table table() {
    return new Table(
        List.of(
            row("policy", "off, \"same\"", "KL", 0.25, "MiB", null),
            row("policy", "h2o", "KL", 12.5, "MiB", 3)));
  }

  @Test
  void tablesInEveryFormat() throws IOException {
    assertThat(table().render(TableFormat.TABLE))
        .isEqualTo("policy       KL    MiB\noff, \"same\"  0.25\nh2o          12.5  3\n");
    assertThat(table().render(TableFormat.CSV))
        .isEqualTo("policy,KL,MiB\n\"off, \"\"same\"\"\",0.25,\nh2o,12.5,3\n");
    assertThat(table().render(TableFormat.MD).lines())
        .containsExactly(
            "| policy      | KL   | MiB |",
            "|---|---|---|",
            "| off, \"same\" | 0.25 |     |",
            "| h2o         | 12.5 | 3   |");
    assertThat(table().render(TableFormat.JSON)).contains("\"MiB\" : null", "\"KL\" : 12.5");
    assertThat(new Table(List.of()).render(TableFormat.CSV)).isEmpty();
  }

  @Test
  void aReportIsWholeInOnePageAndInFiles() throws IOException {
    Report report = new Report("Quality <of> caches", Map.of("model", "a & b"));
    Chart lines =
        new Chart.Lines(
            "lines",
            "Divergence",
            "budget",
            "KL",
            Chart.Scale.LOGARITHMIC,
            List.of(
                new Chart.Series(
                    "off", "h2o", true, List.of(64.0, 128.0), List.of(.5, .2), List.of()),
                new Chart.Series(
                    "fold",
                    "h2o",
                    false,
                    List.of(64.0, 128.0),
                    List.of(.3, .1),
                    List.of(.05, .02))));
    Chart map =
        new Chart.HeatMap(
            "map",
            "Errors",
            "head",
            "layer",
            List.of("0", "1"),
            List.of("0"),
            new double[][] {{0, .5}},
            .5);
    report.add(
        new Report.Section("quality", "Text", "What <it> means", table(), List.of(lines, map)));
    report.add(new Report.Section("empty", "Empty", "", new Table(List.of()), List.of()));
    report.write(directory);
    for (String name :
        List.of("quality.csv", "quality.md", "quality.json", "lines.svg", "map.svg")) {
      assertThat(directory.resolve(name)).isNotEmptyFile();
    }
    assertThat(directory.resolve("empty.csv")).doesNotExist();
    for (String name : List.of("lines.png", "map.png")) {
      // Something is drawn: not all pixels are of one colour.
      var image = ImageIO.read(directory.resolve(name).toFile());
      assertThat(image.getWidth()).isGreaterThan(400);
      int[] pixels =
          image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
      assertThat(java.util.Arrays.stream(pixels).distinct().count()).as(name).isGreaterThan(20);
    }
    assertThat(Files.readString(directory.resolve("report.html")))
        .contains(
            "<h1>Quality &lt;of&gt; caches</h1>",
            "What &lt;it&gt; means",
            "<td>off, &#34;same&#34;</td><td>0.25</td><td></td>",
            "data:image/svg+xml;base64,",
            "a &amp; b")
        .doesNotContain("src=\"http", "{{", "Empty");
  }
}
