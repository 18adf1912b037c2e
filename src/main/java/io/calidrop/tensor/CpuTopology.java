package io.calidrop.tensor;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/**
 * How many threads are worth computing with: the physical cores, as two hardware threads of a core
 * share its vector units, within what the process may use.
 */
public final class CpuTopology {
  private static final Path LINUX = Path.of("/sys/devices/system/cpu");

  private CpuTopology() {}

  /** Physical cores, at most what affinity and the container's CPU quota allow. */
  public static int usableCores() {
    return usableCores(LINUX, Runtime.getRuntime().availableProcessors());
  }

  /**
   * @param cpus directory in the layout of Linux's {@code /sys/devices/system/cpu}; elsewhere every
   *     processor counts as a core
   * @param available processors that the process may use
   */
  static int usableCores(Path cpus, int available) {
    Set<String> cores = new HashSet<>();
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(cpus, "cpu[0-9]*")) {
      for (Path cpu : directories) {
        cores.add(Files.readString(cpu.resolve("topology/thread_siblings_list")).strip());
      }
    } catch (IOException e) {
      return available;
    }
    return cores.isEmpty() ? available : Math.min(cores.size(), available);
  }
}
