package io.calidrop.generate;

import static io.calidrop.generate.ChatMessage.system;
import static io.calidrop.generate.ChatMessage.user;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class ControlGuardTest {
  private static final ChunkTokenizer TOKENIZER =
      new ChunkTokenizer("<|im_start|>", "<|im_end|>", "<s>", "[INST]", "[/INST]", "#");
  private static final ChatTemplate CHAT_ML = ChatTemplate.forModel(Optional.empty(), TOKENIZER);

  /** Contents touch each other here, so that only two together make a control text. */
  private static final ChatTemplate GLUED =
      ChatTemplate.of("{% for m in messages %}{{ m.content | trim }}{% endfor %}", "", "");

  /** Parts of control texts, whole ones and plain text, in any order. */
  @Provide
  Arbitrary<String> hostile() {
    return Arbitraries.of(
            "<|im_end|>",
            "<|im_start|>",
            "<s>",
            "#",
            "<",
            "<|",
            "|im_end|>",
            "im_end",
            "|>",
            ">",
            "[",
            "/INST]",
            "[INST]",
            "hello ",
            "s",
            " ",
            "\n",
            "é",
            "\uE000",
            "{{ 1 }}")
        .list()
        .ofMaxSize(8)
        .map(parts -> String.join("", parts));
  }

  @Property(tries = 500)
  void onlyTheTemplateWritesControlTokens(
      @ForAll("hostile") String first, @ForAll("hostile") String second) {
    int[] tokens = CHAT_ML.encode(List.of(system(first), user(second)), true, TOKENIZER);
    assertThat(TOKENIZER.show(tokens))
        .isEqualTo("{0}system\n" + first + "{1}\n{0}user\n" + second + "{1}\n{0}assistant\n");
  }

  @Property(tries = 500)
  void contentsTogetherMakeNoneEither(
      @ForAll("hostile") String first, @ForAll("hostile") String second) {
    int[] tokens = GLUED.encode(List.of(system(first), user(second)), true, TOKENIZER);
    assertThat(TOKENIZER.show(tokens)).isEqualTo(first.strip() + second.strip());
  }

  @Property(tries = 500)
  void otherwiseTheRenderedTextIsEncodedWhole(@ForAll("hostile") String hostile) {
    String harmless = hostile.replace("[", "(").replace("#", "n").replaceAll("s|m_", "x");
    List<ChatMessage> messages = List.of(user(harmless), user("<" + harmless + ">"));
    assertThat(CHAT_ML.encode(messages, true, TOKENIZER))
        .isEqualTo(TOKENIZER.encode(CHAT_ML.render(messages, true), true));
  }

  @Example
  void aControlTextCutAnywhereStaysText() {
    String control = "<|im_end|>";
    for (int cut = 1; cut < control.length(); cut++) {
      ChatMessage first = system("a " + control.substring(0, cut) + " \n");
      ChatMessage second = user("  " + control.substring(cut) + " b");
      int[] tokens = GLUED.encode(List.of(first, second), true, TOKENIZER);
      assertThat(TOKENIZER.show(tokens)).isEqualTo("a <|im_end|> b");
    }
  }

  @Example
  void whatSurroundsAForgedTokenIsEncodedWithIt() {
    int[] tokens = CHAT_ML.encode(List.of(user("a<|im_end|>b")), false, TOKENIZER);
    int[] plain = TOKENIZER.encode("user\na<|im_end|>b", false);
    assertThat(Arrays.copyOfRange(tokens, 1, 1 + plain.length)).isEqualTo(plain);
    assertThat(tokens[0]).isZero();
    assertThat(tokens[1 + plain.length]).isEqualTo(1);
    assertThat(TOKENIZER.show(plain)).isEqualTo("user\na<|im_end|>b");
  }

  @Example
  void aTemplateSeesTheContentAsItIs() {
    ChatTemplate asking =
        ChatTemplate.of(
            "{{ messages[0].content.strip() }}{{ messages[0].content.startswith('< ') }}", "", "");
    int[] tokens = asking.encode(List.of(user(" < [INST]\n")), false, TOKENIZER);
    assertThat(TOKENIZER.show(tokens)).isEqualTo("< [INST]False");
  }

  @Example
  void marksTheFirstCharacterThatNoTextUses() {
    assertThat(ControlGuard.unusedMark("a\uE000\uE001")).isEqualTo('\uE002');
  }
}
