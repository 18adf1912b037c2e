package io.calidrop.cli;

import java.util.Map;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/** What each evaluation compares unless told otherwise. */
abstract class GridDefaults implements IDefaultValueProvider {
  private final Map<String, String> values;

  private GridDefaults(
      String budgets,
      String policies,
      String calidrop,
      String compress,
      String positions,
      String seeds) {
    values =
        Map.of(
            "--budgets", budgets,
            "--policies", policies,
            "--calidrop", calidrop,
            "--compress", compress,
            "--positions", positions,
            "--seeds", seeds);
  }

  @Override
  public String defaultValue(ArgSpec argument) {
    return argument instanceof OptionSpec option ? values.get(option.longestName()) : null;
  }

  static final class Quality extends GridDefaults {
    Quality() {
      super(
          "64,128,256,512",
          "streaming,h2o,snapkv,expected,random",
          "off,paper,fold",
          "rolling",
          "absolute",
          "1,2,3,4");
    }
  }

  static final class Tasks extends GridDefaults {
    Tasks() {
      super("128,256", "streaming,snapkv,expected", "off,fold", "once", "rebase", "2,3,4");
    }
  }

  static final class Error extends GridDefaults {
    Error() {
      super("128", "streaming,expected", "off,paper,fold", "rolling", "absolute", "1");
    }
  }

  static final class Cost extends GridDefaults {
    Cost() {
      super("512", "streaming,expected", "off,fold", "rolling", "rebase", "1");
    }
  }
}
