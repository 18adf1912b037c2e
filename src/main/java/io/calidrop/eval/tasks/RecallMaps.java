package io.calidrop.eval.tasks;

import io.calidrop.eval.CacheSetting;
import io.calidrop.eval.tasks.TaskTable.Cell;
import io.calidrop.eval.tasks.TaskTable.Count;
import io.calidrop.report.Chart;
import io.calidrop.report.Table;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What each setting found of needles by their depth and the length of the document. For one thread
 * at a time.
 */
final class RecallMaps {
  private final Map<Key, Map<Integer, Map<Integer, Count>>> maps =
      new LinkedHashMap<>(); // by depth and length
  private final TreeSet<Integer> lengths = new TreeSet<>();

  /** A map. */
  private record Key(CacheSetting setting, Task task) {
    private String title() {
      return "%s: %s".formatted(task.lowerCase(), setting.key());
    }
  }

  void add(Cell cell, int depth, CacheSetting setting, int right, int asked) {
    lengths.add(cell.length());
    maps.computeIfAbsent(new Key(setting, cell.task()), k -> new TreeMap<>())
        .computeIfAbsent(depth, d -> new TreeMap<>())
        .computeIfAbsent(cell.length(), l -> new Count())
        .add(right, asked);
  }

  /** A row for each depth of each map, a column for each length. */
  List<Map<String, Object>> rows() {
    List<Map<String, Object>> rows = new ArrayList<>();
    maps.forEach(
        (key, depths) ->
            depths.forEach(
                (depth, counts) -> {
                  Map<String, Object> row = key.setting().columns();
                  row.put("task", key.task().lowerCase());
                  row.put("depth %", depth);
                  for (int length : lengths) {
                    Count count = counts.get(length);
                    row.put(
                        String.valueOf(length),
                        count == null ? null : Table.rounded(count.accuracy(), 3));
                  }
                  rows.add(row);
                }));
    return rows;
  }

  /** The maps, the beginning of the documents above. */
  List<Chart> charts(String name) {
    List<Chart> charts = new ArrayList<>();
    maps.forEach(
        (key, depths) ->
            charts.add(
                new Chart.HeatMap(
                    name + "-" + (charts.size() + 1),
                    key.title(),
                    "tokens",
                    "depth (%)",
                    lengths.stream().map(String::valueOf).toList(),
                    new ArrayList<>(depths.keySet())
                        .reversed().stream().map(String::valueOf).toList(),
                    values(new ArrayList<>(depths.values()).reversed()),
                    1)));
    return charts;
  }

  private double[][] values(List<Map<Integer, Count>> depths) {
    double[][] values = new double[depths.size()][lengths.size()];
    for (int row = 0; row < values.length; row++) {
      int column = 0;
      for (int length : lengths) {
        Count count = depths.get(row).get(length);
        values[row][column++] = count == null ? Double.NaN : count.accuracy();
      }
    }
    return values;
  }
}
