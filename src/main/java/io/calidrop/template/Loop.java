package io.calidrop.template;

import java.util.List;

/** What {@code loop} is inside of a loop. */
final class Loop {
  private final List<Object> values;
  private int index = -1;
  private Items watched; // by changed()

  Loop(List<Object> values) {
    this.values = values;
  }

  Object next() {
    return values.get(++index);
  }

  boolean hasNext() {
    return index + 1 < values.size();
  }

  Object get(String name) {
    int size = values.size();
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "revindex" -> (long) size - index;
      case "revindex0" -> size - index - 1L;
      case "first" -> index == 0;
      case "last" -> index == size - 1;
      case "length" -> (long) size;
      case "depth" -> 1L;
      case "depth0" -> 0L;
      case "previtem" ->
          index > 0 ? values.get(index - 1) : new Undefined("there is no previous item");
      case "nextitem" -> hasNext() ? values.get(index + 1) : new Undefined("there is no next item");
      case "cycle" -> (Callable) (run, arguments) -> cycle(arguments.positional());
      case "changed" -> (Callable) (run, arguments) -> changed(run, arguments.positional());
      default -> new Undefined("'loop' has no attribute '" + name + "'");
    };
  }

  private Object cycle(List<Object> choices) {
    if (choices.isEmpty()) {
      throw new TemplateException("no items for cycling given");
    }
    return choices.get(index % choices.size());
  }

  private boolean changed(Run run, List<Object> values) {
    Items before = watched;
    watched = Items.of(run, Items.Kind.TUPLE, values);
    return before == null || !Values.equal(run, before, watched);
  }
}
