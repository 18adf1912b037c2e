package io.calidrop.tensor;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What kernels may not say, because C2 compiles it well or badly by luck; see VectorShape. */
@AnalyzeClasses(packages = "io.calidrop", importOptions = ImportOption.DoNotIncludeTests.class)
class KernelCodeTest {
  @ArchTest
  static final ArchRule CONVERSIONS_NAME_THE_SPECIES =
      noClasses()
          .should()
          .callMethodWhere(
              describe(
                  "a conversion that looks its species up",
                  (JavaMethodCall call) ->
                      call.getTargetOwner().getPackageName().equals("jdk.incubator.vector")
                          && call.getName().matches("convert|reinterpretAs\\w+")));

  /** A sum that a method is called on; one that is added to itself in another order is none. */
  private static final Pattern SUM_AS_RECEIVER =
      Pattern.compile("\\b(\\w+) =\\s+\\1\\s*\\.add\\((?!\\s*\\1\\b)");

  /**
   * At the head of a loop C2 does not know which class a sum has that the loop adds to, and {@code
   * sum.add(x)} is then compiled well only if all vectors that any code has called {@code add} on
   * so far were of one class. {@code x.add(sum)} does not depend on that.
   */
  @ParameterizedTest
  @ValueSource(strings = {"tensor", "attention"})
  void sumsAreArguments(String folder) throws IOException {
    try (var files = Files.list(Path.of("src/main/java/io/calidrop").resolve(folder))) {
      List<Path> sources = files.filter(file -> file.toString().endsWith(".java")).toList();
      assertThat(sources).hasSizeGreaterThan(20);
      for (Path file : sources) {
        assertThat(SUM_AS_RECEIVER.matcher(Files.readString(file)).results().map(r -> r.group()))
            .as("%s: write x.add(sum) instead of sum.add(x)", file)
            .isEmpty();
      }
    }
  }
}
