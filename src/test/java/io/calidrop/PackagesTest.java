package io.calidrop;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.Architectures.LayeredArchitecture;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Packages depend in one direction, and what is not the command line does not behave like one. */
@AnalyzeClasses(packages = "io.calidrop", importOptions = ImportOption.DoNotIncludeTests.class)
class PackagesTest {
  private static final String ROOT = "io.calidrop.";

  /** What each package may use, the JDK and libraries aside; parts of a package are one with it. */
  private static final Map<String, String> USES =
      new TreeMap<>(
          Map.ofEntries(
              Map.entry(
                  "cli",
                  "serve batch bench eval generate report constraint download sampling model attention "
                      + "tensor tokenizer gguf text"),
              Map.entry(
                  "serve",
                  "batch generate constraint download sampling model attention tokenizer gguf text"),
              Map.entry("batch", "generate constraint download sampling model attention gguf text"),
              Map.entry("bench", "constraint sampling model attention tensor tokenizer gguf"),
              Map.entry("eval", "generate report model attention tokenizer"),
              Map.entry(
                  "generate",
                  "constraint download template sampling model attention tensor tokenizer gguf"),
              Map.entry("report", "template text"),
              Map.entry("model", "attention tensor gguf"),
              Map.entry("attention", "tensor"),
              Map.entry("tensor", "gguf"),
              Map.entry("constraint", "tokenizer"),
              Map.entry("tokenizer", "gguf"),
              Map.entry("sampling", ""),
              Map.entry("template", ""),
              Map.entry("download", ""),
              Map.entry("text", ""),
              Map.entry("gguf", "")));

  @ArchTest static final ArchRule DIRECTION = direction();

  @ArchTest
  static final ArchRule NO_CYCLES = slices().matching(ROOT + "(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule NO_PROCESS_BELOW_CLI =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "cli..")
          .should()
          .accessField(System.class, "out")
          .orShould()
          .accessField(System.class, "err")
          .orShould()
          .accessField(System.class, "in")
          .orShould()
          .callMethod(System.class, "exit", int.class)
          .orShould()
          .callMethod(System.class, "getenv")
          .orShould()
          .callMethod(System.class, "getenv", String.class)
          .orShould()
          .callMethod(Runtime.class, "exit", int.class)
          .orShould()
          .callMethod(Runtime.class, "halt", int.class);

  /** They are optional: a program that embeds the engine has none of them. */
  @ArchTest
  static final ArchRule LIBRARIES_OF_THE_COMMAND_LINE =
      noClasses()
          .that()
          .resideOutsideOfPackages(
              ROOT + "cli..", ROOT + "serve..", ROOT + "bench..", ROOT + "report..")
          .should()
          .dependOnClassesThat(
              isLibrary().and(DescribedPredicate.not(isIn("com.fasterxml.jackson.."))));

  private static ArchRule direction() {
    LayeredArchitecture layers = layeredArchitecture().consideringOnlyDependenciesInLayers();
    for (String name : USES.keySet()) {
      layers = layers.layer(name).definedBy(ROOT + name + "..");
    }
    for (Map.Entry<String, String> uses : USES.entrySet()) {
      String[] below =
          Stream.of(uses.getValue().split(" "))
              .filter(name -> !name.isEmpty())
              .toArray(String[]::new);
      layers =
          below.length == 0
              ? layers.whereLayer(uses.getKey()).mayNotAccessAnyLayer()
              : layers.whereLayer(uses.getKey()).mayOnlyAccessLayers(below);
    }
    return layers.ensureAllClassesAreContainedInArchitectureIgnoring(
        ROOT.substring(0, ROOT.length() - 1));
  }

  private static DescribedPredicate<JavaClass> isLibrary() {
    return DescribedPredicate.not(isIn("java..", "javax..", "jdk..", "io.calidrop.."));
  }

  private static DescribedPredicate<JavaClass> isIn(String... packages) {
    return JavaClass.Predicates.resideInAnyPackage(packages);
  }
}
