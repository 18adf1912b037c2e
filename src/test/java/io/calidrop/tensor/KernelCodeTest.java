package io.calidrop.tensor;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

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
}
