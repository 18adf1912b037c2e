package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TemplateArgumentsTest {
  @Test
  void valuesAreJson() {
    assertThat(TemplateArguments.parse("enable_thinking=false"))
        .isEqualTo(Map.of("enable_thinking", false));
    assertThat(TemplateArguments.parse("effort=\"a=b\"")).isEqualTo(Map.of("effort", "a=b"));
    assertThat(TemplateArguments.parse("x=[1,2.0,null,{\"k\":true}]"))
        .isEqualTo(Map.of("x", Arrays.asList(1L, 2.0, null, Map.of("k", true))));
    assertThat(TemplateArguments.parse("x=null")).containsEntry("x", null);
    List<?> list = (List<?>) TemplateArguments.parse("x=[1]").get("x");
    assertThatThrownBy(list::clear).isInstanceOf(UnsupportedOperationException.class);
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        "effort=low => the value of effort is no JSON: low; a text needs quotes, in a shell 'effort=\"low\"'",
        "effort= => the value of effort is no JSON: ; a text needs quotes, in a shell 'effort=\"\"'",
        "x=1 2 => the value of x is no JSON: 1 2; a text needs quotes, in a shell 'x=\"1 2\"'",
        "effort => \"effort\" is no NAME=JSON, such as enable_thinking=false",
        "=1 => \"=1\" is no NAME=JSON, such as enable_thinking=false",
        "n=99999999999999999999 => 99999999999999999999 does not fit into 64 bits",
        "messages=[] => messages is no template argument: it is made of the conversation and the model"
      })
  void whatIsWrongSaysHowToMendIt(String assignment, String message) {
    assertThatThrownBy(() -> TemplateArguments.parse(assignment))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }
}
