package io.calidrop.cli;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.batch.LineKind;
import io.calidrop.bench.RandomModel;
import io.calidrop.eval.tasks.QuestionOrder;
import io.calidrop.eval.tasks.Task;
import io.calidrop.report.TableFormat;
import io.calidrop.tensor.WeightFormat;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;

/**
 * Values of options as they are typed, for help and for the shell's completion, which would not
 * complete the upper case of Java's names.
 */
abstract class Names implements Iterable<String> {
  private final List<String> names;

  private Names(List<String> names) {
    this.names = names;
  }

  private Names(Class<? extends Enum<?>> type) {
    this(
        Arrays.stream(type.getEnumConstants())
            .map(constant -> constant.name().toLowerCase(Locale.ROOT))
            .toList());
  }

  @Override
  public Iterator<String> iterator() {
    return names.iterator();
  }

  static final class Calibrations extends Names {
    Calibrations() {
      super(CalibrationOptions.Mode.class);
    }
  }

  static final class Colors extends Names {
    Colors() {
      super(CalidropCommand.Color.class);
    }
  }

  static final class Compressions extends Names {
    Compressions() {
      super(CacheBudget.Compress.class);
    }
  }

  static final class KvTypes extends Names {
    KvTypes() {
      super(KvType.class);
    }
  }

  static final class LineKinds extends Names {
    LineKinds() {
      super(LineKind.class);
    }
  }

  static final class Mixes extends Names {
    Mixes() {
      super(RandomModel.Mix.class);
    }
  }

  static final class OnFull extends Names {
    OnFull() {
      super(ModelFlags.OnFull.class);
    }
  }

  static final class Orders extends Names {
    Orders() {
      super(QuestionOrder.class);
    }
  }

  static final class Positions extends Names {
    Positions() {
      super(CacheBudget.Positions.class);
    }
  }

  static final class Stores extends Names {
    Stores() {
      super(EvictedFlags.Where.class);
    }
  }

  static final class TableFormats extends Names {
    TableFormats() {
      super(TableFormat.class);
    }
  }

  static final class Tasks extends Names {
    Tasks() {
      super(Task.class);
    }
  }

  static final class Policies extends Names {
    Policies() {
      super(EvictionPolicies.names());
    }
  }

  static final class WeightFormats extends Names {
    WeightFormats() {
      super(
          WeightFormat.supported().stream()
              .map(type -> type.name().toLowerCase(Locale.ROOT))
              .toList());
    }
  }
}
