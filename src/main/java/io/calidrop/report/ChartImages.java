package io.calidrop.report;

import java.awt.Color;
import java.awt.Font;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.HeatMapChart;
import org.knowm.xchart.VectorGraphicsEncoder;
import org.knowm.xchart.VectorGraphicsEncoder.VectorGraphicsFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws charts. */
final class ChartImages {
  private static final int WIDTH = 900;
  private static final int HEIGHT = 560;

  /** Colours that colour-blind readers can tell apart (Okabe and Ito). */
  private static final List<Color> COLORS =
      List.of(
          new Color(0x0072B2),
          new Color(0xD55E00),
          new Color(0x009E73),
          new Color(0xCC79A7),
          new Color(0xE69F00),
          new Color(0x56B4E9),
          new Color(0x000000),
          new Color(0x8B6F47));

  private static final Marker[] MARKERS = {
    SeriesMarkers.CIRCLE, SeriesMarkers.SQUARE, SeriesMarkers.DIAMOND, SeriesMarkers.TRIANGLE_UP
  };

  private ChartImages() {}

  static byte[] png(Chart chart) throws IOException {
    return BitmapEncoder.getBitmapBytes(draw(chart), BitmapEncoder.BitmapFormat.PNG);
  }

  static byte[] svg(Chart chart) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    VectorGraphicsEncoder.saveVectorGraphic(draw(chart), out, VectorGraphicsFormat.SVG);
    return out.toByteArray();
  }

  private static org.knowm.xchart.internal.chartpart.Chart<?, ?> draw(Chart chart) {
    return switch (chart) {
      case Chart.Lines lines -> lines(lines);
      case Chart.HeatMap map -> heatMap(map);
    };
  }

  private static void style(AxesChartStyler styler) {
    styler.setChartBackgroundColor(Color.WHITE);
    styler.setPlotBorderVisible(false);
    styler.setChartTitleBoxVisible(false);
    styler.setLegendBorderColor(Color.WHITE);
    styler.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
    styler.setLegendPosition(Styler.LegendPosition.OutsideE);
    styler.setLocale(Locale.ROOT);
  }

  private static XYChart lines(Chart.Lines lines) {
    XYChart chart = new XYChart(WIDTH, HEIGHT);
    style(chart.getStyler());
    chart.getStyler().setXAxisLogarithmic(lines.scale() != Chart.Scale.LINEAR);
    if (lines.scale() != Chart.Scale.LINEAR) {
      chart.getStyler().setXAxisLogarithmicDecadeOnly(false);
      chart.getStyler().setXAxisDecimalPattern("#,###.#");
    }
    chart.getStyler().setYAxisLogarithmic(lines.scale() == Chart.Scale.LOGARITHMIC);
    if (lines.scale() == Chart.Scale.LOGARITHMIC) {
      chart.getStyler().setYAxisLogarithmicDecadeOnly(false);
    } else {
      chart.getStyler().setYAxisMin(0.0);
    }
    chart.getStyler().setYAxisDecimalPattern("#,##0.####");
    chart.getStyler().setMarkerSize(7);
    chart.setTitle(lines.title());
    chart.setXAxisTitle(lines.x());
    chart.setYAxisTitle(lines.y());
    List<String> groups = new ArrayList<>();
    for (Chart.Series series : lines.series()) {
      if (!groups.contains(series.group())) {
        groups.add(series.group());
      }
      XYSeries drawn =
          chart.addSeries(
              series.label(),
              series.x(),
              series.y(),
              series.errors().isEmpty() ? null : series.errors());
      int group = groups.indexOf(series.group());
      Color color = COLORS.get(group % COLORS.size());
      drawn.setLineColor(color);
      drawn.setMarkerColor(color);
      // A colour that comes again has another marker.
      drawn.setMarker(MARKERS[(group + group / COLORS.size()) % MARKERS.length]);
      drawn.setLineStyle(series.dashed() ? SeriesLines.DASH_DASH : SeriesLines.SOLID);
    }
    return chart;
  }

  private static HeatMapChart heatMap(Chart.HeatMap map) {
    HeatMapChart chart = new HeatMapChart(WIDTH, HEIGHT, Styler.ChartTheme.XChart);
    style(chart.getStyler());
    chart.getStyler().setValueFont(chart.getStyler().getLegendFont());
    chart.getStyler().setMin(0);
    chart.getStyler().setMax(Math.ceil(map.most() * 100) / 100);
    chart.getStyler().setRangeColors(new Color[] {Color.WHITE, new Color(0xD55E00)});
    chart.getStyler().setHeatMapValueDecimalPattern("0.00");
    chart.setTitle(map.title());
    chart.setXAxisTitle(map.x());
    chart.setYAxisTitle(map.y());
    List<Number[]> cells = new ArrayList<>();
    for (int row = 0; row < map.rows().size(); row++) {
      for (int column = 0; column < map.columns().size(); column++) {
        if (!Double.isNaN(map.values()[row][column])) {
          cells.add(new Number[] {column, row, map.values()[row][column]});
        }
      }
    }
    chart.addSeries(map.title(), map.columns(), map.rows(), cells);
    return chart;
  }
}
