package io.calidrop.template;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.fuzz.Fuzz;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * Templates with mistakes: whatever they are, they end, soon, in a text or in the one documented
 * exception.
 */
class TemplateFuzzTest {
  private static final Clock CLOCK = Clock.fixed(Instant.EPOCH, ZoneOffset.UTC);
  private static final String[] TOKENS = {
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "-",
    "+",
    "~",
    "*",
    "**",
    "/",
    "//",
    "%",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "|",
    ".",
    ",",
    ":",
    "=",
    "==",
    "<",
    "not ",
    " in ",
    " is ",
    " if ",
    " else ",
    "'",
    "\"",
    "\\",
    "{% for x in ",
    "{% endfor %}",
    "{% if ",
    "{% endif %}",
    "{% set x = ",
    "{% endset %}",
    "{% macro m(x) %}",
    "{% endmacro %}",
    "{{ m(m) }}",
    "{% call m() %}",
    "{% endcall %}",
    "range(",
    "100000",
    "9223372036854775807",
    "0",
    "-1",
    "1e308",
    "'x' * ",
    "namespace(",
    "loop",
    "caller()",
    "messages",
    "|tojson",
    "|join",
    "|replace('', 'xxxxxxxx')",
    "|sort",
    "|map(",
    "|list",
    ".format(",
    "[::-1]",
    ".split(",
    "%99999d",
    "{:>99999}",
    "{% raw %}",
    "{% generation %}",
    "\r\n",
    "é",
    "\ud83d",
    "\u0000"
  };

  @Test
  void aMutatedTemplateEndsInATextOrInAnError() {
    List<String> seeds = TemplateCases.sources();
    Fuzz.seeds()
        .forEach(
            seed -> {
              String source = mutated(seeds, new Random(seed));
              byte[] bytes = source.getBytes(StandardCharsets.UTF_8);
              Fuzz.check(seed, bytes, Set.of(), input -> render(source));
            });
  }

  private static void render(String source) {
    try {
      Template.of(source).render(TemplateCases.given(), CLOCK);
    } catch (TemplateException e) {
      assertThat(e.getMessage()).startsWith("line ").doesNotContain("\n");
    }
  }

  private static String mutated(List<String> seeds, Random random) {
    StringBuilder source = new StringBuilder(seeds.get(random.nextInt(seeds.size())));
    for (int n = 1 + random.nextInt(6); n > 0; n--) {
      int at = random.nextInt(source.length() + 1);
      int end = Math.min(source.length(), at + random.nextInt(20));
      switch (random.nextInt(7)) {
        case 0 -> source.setLength(at);
        case 1 -> source.delete(at, end);
        case 2 -> source.insert(at, source.substring(at, end).repeat(1 + random.nextInt(50)));
        case 3 -> source.insert(at, (char) random.nextInt(128));
        case 4 -> source.insert(at, seeds.get(random.nextInt(seeds.size())));
        default -> source.insert(at, TOKENS[random.nextInt(TOKENS.length)]);
      }
    }
    return source.toString();
  }

  @Test
  void deepAndLongTemplatesEndToo() {
    List<String> sources = new ArrayList<>();
    for (String part :
        List.of(
            "(",
            "[",
            "{1:",
            "-",
            "not ",
            "x.",
            "x|",
            "{% if x %}",
            "1+",
            "1~",
            "1 if ",
            "a(",
            "a[")) {
      sources.add((part.startsWith("{%") ? "" : "{{ ") + part.repeat(20_000));
      sources.add((part.startsWith("{%") ? "" : "{{ ") + part.repeat(20_000) + "1 }}");
    }
    for (String source : sources) {
      render(source);
    }
  }
}
