package io.calidrop.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Row 13 of the reported cases: a template renders as in Python, to the letter. */
class TemplateTest {
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2024-07-26T12:00:00Z"), ZoneOffset.UTC);

  private static String render(String source, Map<String, ?> values) {
    return Template.of(source).render(values, CLOCK);
  }

  @TestFactory
  Stream<DynamicTest> rendersAsJinja2() {
    return TemplateCases.all().entrySet().stream()
        .map(
            entry ->
                DynamicTest.dynamicTest(
                    entry.getKey(), () -> check(entry.getKey(), entry.getValue())));
  }

  private static void check(String source, String expected) {
    if (expected == null) {
      assertThatThrownBy(() -> render(source, TemplateCases.given()))
          .isInstanceOf(TemplateException.class)
          .hasMessageStartingWith("line ")
          .message()
          .doesNotContain("\n");
    } else {
      assertThat(render(source, TemplateCases.given())).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        "{{ a => line 1, column 1: '{{' has no end",
        "x{% if a %} => line 1, column 5: 'if' has no end",
        "x{{ none.a.b }} => line 1, column 12: 'NoneType object' has no attribute 'a'",
        "{{ 1 }}\\n  {{ 1 + 'a' }} => line 2, column 8: unsupported operand types for +: 'int' and 'str'",
        "\\r\\n{% nosuch %} => line 2, column 4: unknown tag 'nosuch'",
        "{{ raise_exception('a  b') }} => line 1, column 19: a b",
        "{% include 'x' %} => line 1, column 4: 'include' is not supported: a chat template is one file",
        "{{ [1e400 - 1e400, 1]|sort }} => line 1, column 23: nan has no order",
        "{{ x|nosuch }} => line 1, column 6: no filter named 'nosuch'",
        "{% if false %}{{ x|nosuch }}{% endif %}{{ 1/0 }} => line 1, column 44: division by zero"
      })
  void errorsSayWhere(String source, String message) {
    String unescaped = source.replace("\\n", "\n").replace("\\r", "\r");
    assertThatThrownBy(() -> render(unescaped, Map.of())).hasMessage(message);
  }

  /** Each of these would take all memory, or for ever. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ 'x' * 10**9 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ 2 ** 100000000000 }}",
        "{{ [0] * 10**12 }}",
        "{{ range(10**12)|list }}",
        "{{ ('x' * 10000000).replace('x', 'y' * 10000000) }}",
        "{{ ('x' * 1000000).replace('', 'y' * 1000000) }}",
        "{{ ','.join(['x' * 100000] * 100000) }}",
        "{{ '%2000000000d' % 1 }}",
        "{{ '{:>2000000000}'.format(1) }}",
        "{{ 'x\\n' * 100000 | indent(100000) }}",
        "{{ [[[]]] | tojson(indent='x' * 10000000) }}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{{ 'x' * 10000 }}{% endfor %}",
        "{% set n = namespace(s='x') %}{% for i in range(100) %}{% set n.s = n.s + n.s %}{% endfor %}",
        "{% set n = namespace(s='x') %}{% for i in range(100) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
        "{% set n = namespace(l=[1]) %}{% for i in range(100) %}{% set n.l = n.l + n.l %}{% endfor %}",
        "{% set n = namespace(l=[]) %}{% for i in range(90) %}{% set n.l = [n.l, n.l] %}{% endfor %}"
            + "{{ n.l }}",
        "{% set n = namespace(l=[]) %}{% for i in range(90) %}{% set n.l = [n.l, n.l] %}{% endfor %}"
            + "{% set m = namespace(l=[]) %}{% for i in range(90) %}{% set m.l = [m.l, m.l] %}"
            + "{% endfor %}{{ n.l == m.l }}",
        "{% set n = namespace(l=[]) %}{% for i in range(1000) %}{% set n.l = [n.l] %}{% endfor %}"
            + "{{ n.l }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{% call m() %}{% endcall %}{{ caller }}{% endmacro %}{{ m() }}",
        "{{ ('a' * 2000000).find('a' * 1000000 + 'b') }}",
        "{{ ('a' * 2000000 + 'b') in ('a' * 4000000) }}",
        "{{ 'a'.strip('b' * 8000000) * 0 }}{% for i in range(1000) %}"
            + "{{ ('a' * 100000).strip('b' * 100000) }}{% endfor %}"
      })
  void aHostileTemplateEndsWithAnError(String source) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean(); // others' time is none of its own
    long start = threads.getCurrentThreadCpuTime();
    assertThatThrownBy(() -> render(source, Map.of())).isInstanceOf(TemplateException.class);
    assertThat(threads.getCurrentThreadCpuTime() - start).isLessThan(10_000_000_000L);
  }

  /** As on a thread with the smallest stack that this program uses. */
  @Test
  void nestingIsBoundedBeforeTheStackIs() throws InterruptedException {
    Throwable[] thrown = new Throwable[1];
    String macro =
        "{% macro m(x) %}{% if 1 %}{% for i in [1] %}{{ ((([m(x)|upper])|join)|trim) if 1 else 2 }}"
            + "{% endfor %}{% endif %}{% endmacro %}{{ m(1) }}";
    Thread thread =
        new Thread(
            null,
            () -> {
              for (String source :
                  List.of(macro, "{{ " + "(".repeat(5000), "{{ " + "1+".repeat(5000) + "1 }}")) {
                try {
                  render(source, Map.of());
                } catch (TemplateException e) {
                  continue;
                } catch (Throwable e) {
                  thrown[0] = e;
                }
              }
            },
            "small stack",
            512 * 1024);
    thread.start();
    thread.join();
    assertThat(thrown[0]).isNull();
  }

  @Test
  void whatATemplateMayDoGrowsWithWhatItIsGiven() {
    String text = "word ".repeat(200_000);
    List<String> messages = java.util.Collections.nCopies(50, text);
    String source = "{% for m in messages %}{{ m|trim }}{{ m.split(' ')|length }}{% endfor %}";
    assertThat(render(source, Map.of("messages", messages)).length()).isGreaterThan(49_000_000);
  }

  @Test
  void aTemplateCanBeUsedManyTimesAndDoesNotKeepState() {
    Template template =
        Template.of(
            "{% set n = namespace(c=0) %}{% for x in l %}{% set n.c = n.c + x %}{% endfor %}{{ n.c }}");
    for (int i = 0; i < 3; i++) {
      assertThat(template.render(Map.of("l", List.of(1, 2, i)), CLOCK)).isEqualTo("" + (3 + i));
    }
  }

  @Test
  void refusalsAreToldFromFailures() {
    assertThatThrownBy(() -> render("{{ raise_exception('no') }}", Map.of()))
        .isInstanceOfSatisfying(TemplateException.class, e -> assertThat(e.isRefusal()).isTrue());
    assertThatThrownBy(() -> render("{{ 1/0 }}", Map.of()))
        .isInstanceOfSatisfying(TemplateException.class, e -> assertThat(e.isRefusal()).isFalse());
  }
}
