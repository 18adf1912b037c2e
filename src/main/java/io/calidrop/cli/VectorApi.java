package io.calidrop.cli;

/**
 * Brings the Vector API into the running JVM.
 *
 * <p>With {@code --add-modules} the JVM announces on stderr at every start that the module is
 * incubating, and no option stops it. A module that comes when the JVM runs is not announced: this
 * is the way that the JDK takes for the modules of its agents. The jar's manifest exports it.
 */
final class VectorApi {
  private static final String MODULE = "jdk.incubator.vector";

  private VectorApi() {}

  /**
   * Loads the module, unless the command line did.
   *
   * @throws IllegalStateException with one line for the user, if it cannot be loaded
   */
  static void load() {
    if (ModuleLayer.boot().findModule(MODULE).isPresent()) {
      return;
    }
    try {
      Class.forName("jdk.internal.module.Modules")
          .getMethod("loadModule", String.class)
          .invoke(null, MODULE);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(
          "Java %s does not bring %s: use JDK 25, or CALIDROP_JAVA_OPTS='--add-modules %s'"
              .formatted(System.getProperty("java.version"), MODULE, MODULE),
          e);
    }
  }
}
