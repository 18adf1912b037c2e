package io.calidrop.tensor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.Processes;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compiled kernels allocate nothing. A vector that C2 boxes in a loop costs half of a kernel's
 * speed and shows nowhere else: results stay right.
 *
 * <p>What C2 makes of a large kernel depends on everything that ran before it. Here all formats run
 * in one process, as no user's do; so a kernel that makes garbage here is measured again in
 * processes of its own, and is at fault if all of them make garbage too.
 */
@Tag("garbage")
class GarbageTest {
  private static final int SECONDS_AMONG_ALL = 10;
  private static final int SECONDS_ALONE = 60;
  private static final int PROCESSES = 3;

  @ParameterizedTest
  @MethodSource("io.calidrop.tensor.KernelGarbage#kernels")
  void allocatesNothing(String kernel) throws Exception {
    List<Long> bytes = new ArrayList<>();
    bytes.add(KernelGarbage.bytesPerCall(kernel, SECONDS_AMONG_ALL));
    while (bytes.getLast() > 0 && bytes.size() <= PROCESSES) {
      bytes.add(alone(kernel));
    }
    if (bytes.size() > 1) {
      System.out.println(kernel + ", bytes a call here and in processes of its own: " + bytes);
    }
    assertThat(bytes.getLast()).as("bytes a call of %s: %s", kernel, bytes).isZero();
  }

  private static long alone(String kernel) throws IOException, InterruptedException {
    List<String> args = List.of(kernel, Integer.toString(SECONDS_ALONE));
    Process process =
        new ProcessBuilder(Processes.command(KernelGarbage.class.getName(), args))
            .redirectError(Redirect.INHERIT)
            .start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
    assertThat(process.waitFor()).as(out).isZero();
    return Long.parseLong(out);
  }
}
