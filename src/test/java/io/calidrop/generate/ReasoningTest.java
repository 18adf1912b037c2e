package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.TinyModel;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.bench.RandomModel;
import io.calidrop.generate.ChatSession.Restored;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Row 14's neighbour: what a model thought is not sent again where its template drops it. */
class ReasoningTest {
  private static final GenerationOptions GREEDY =
      GenerationOptions.defaults().withSampling(SamplerOptions.greedy());

  /** As Qwen 3's: answers of earlier turns lose what comes before the closing mark. */
  private static final String DROPS =
      "{% for m in messages %}[{{ m.role }}|"
          + "{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1].strip() }}"
          + "{% else %}{{ m.content }}{% endif %}]{% endfor %}"
          + "{% if add_generation_prompt %}[assistant|{% endif %}";

  private static final String KEEPS = DROPS.replace(".split('</think>')[-1].strip()", "");

  /** As DeepSeek-R1's: the prompt itself opens the reasoning. */
  private static final String OPENS =
      DROPS.replace("[assistant|{% endif", "[assistant|<think>\n{% endif");

  private static final CacheOptions FULL = CacheOptions.full(KvType.F32);
  private static final CacheOptions BOUNDED =
      FULL.bounded(
          new CacheBudget(32, 2, 4, 8, CacheBudget.Compress.ROLLING, CacheBudget.Positions.REBASE),
          EvictionPolicies.named("streaming"),
          CalibrationOptions.fold(4, 8, 4));

  @TempDir private static Path directory;
  private static TinyModel model;

  @BeforeAll
  static void load() throws IOException {
    model = new TinyModel(RandomModel.Mix.F32, directory);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  /** Characters are tokens; what the model generates reads as a script, whatever it is. */
  private static final class Script implements Tokenizer {
    private List<String> pieces = List.of();
    private int next;

    void say(String... pieces) {
      this.pieces = List.of(pieces);
      next = 0;
    }

    @Override
    public byte[] bytes(int token) {
      return pieces.get(next++ % pieces.size()).getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public int[] encode(String text, boolean parseSpecial) {
      return text.chars().map(c -> c % vocabularySize()).toArray();
    }

    @Override
    public String piece(int token) {
      return Character.toString(token);
    }

    @Override
    public int vocabularySize() {
      return 384;
    }

    @Override
    public int bos() {
      return -1;
    }

    @Override
    public int eos() {
      return -1;
    }

    @Override
    public boolean addsBos() {
      return false;
    }

    @Override
    public Set<Integer> endTokens() {
      return Set.of();
    }

    @Override
    public boolean isControl(int token) {
      return false;
    }
  }

  private final Script script = new Script();

  private ChatSession chat(String template, CacheOptions cache) {
    return new ChatSession(
        new Generator(model.model(), script, Speculator.NONE, SamplerOptions.defaults()),
        model.model().newSession(256, cache),
        script,
        ChatTemplate.of(template, "", ""),
        GREEDY);
  }

  private GenerationResult send(ChatSession chat, String question, String... answer) {
    script.say(answer);
    chat.options(GREEDY.withMaxTokens(answer.length));
    return chat.send(question, text -> {});
  }

  private String text(ChatSession chat) {
    chat.settle();
    StringBuilder text = new StringBuilder();
    for (int token : chat.tokens()) {
      text.appendCodePoint(token);
    }
    return text.toString();
  }

  @Test
  void thoughtsAreForgottenWhereTheTemplateDropsThem() {
    for (CacheOptions cache : List.of(FULL, BOUNDED)) {
      try (ChatSession chat = chat(DROPS, cache)) {
        GenerationResult first = send(chat, "2+2?", "<think>", "two, ", "two", "</think>\n\n", "4");
        assertThat(first.text()).isEqualTo("<think>two, two</think>\n\n4");
        assertThat(text(chat)).isEqualTo("[user|2+2?][assistant|4");
        send(chat, "3+3?", "<think>", "x".repeat(40), "</think>", "6");
        assertThat(text(chat)).isEqualTo("[user|2+2?][assistant|4][user|3+3?][assistant|6");
        GenerationResult third = send(chat, "Bye", "b", "y", "e");
        assertThat(third.timings().promptTokens()).as("only what is new").isLessThan(40);
        assertThat(chat.messages().get(1).content()).contains("two, two");
      }
    }
  }

  /** The state is that of a conversation whose answer was never thought about. */
  @Test
  void whatFollowsIsWhatFollowsTheAnswerAlone() {
    int[] asked = script.encode("[user|2+2?][assistant|4][user|3+3?][assistant|", true);
    for (CacheOptions cache : List.of(FULL, BOUNDED)) {
      try (ChatSession chat = chat(DROPS, cache);
          var fresh = model.model().newSession(256, cache)) {
        send(chat, "2+2?", "<think>", "t", "</think>", "4");
        GenerationResult actual = send(chat, "3+3?", "a", "b", "c", "d");
        if (cache == BOUNDED) {
          fresh.pin("[user|".length());
        }
        GenerationResult expected =
            new Generator(model.model(), script, Speculator.NONE, SamplerOptions.defaults())
                .generate(
                    fresh, asked, asked.length, GREEDY.withMaxTokens(4), text -> {}, () -> false);
        assertThat(actual.tokens())
            .as(cache == FULL ? "full" : "bounded")
            .isEqualTo(expected.tokens());
      }
    }
  }

  @Test
  void aPromptThatOpensTheReasoningTakesItsMarkBack() {
    try (ChatSession chat = chat(OPENS, FULL)) {
      assertThat(chat.openedReasoning()).contains(Reasoning.THINK);
      send(chat, "2+2?", "two", "</think>", "\n4");
      assertThat(text(chat)).isEqualTo("[user|2+2?][assistant|4");
      GenerationResult second = send(chat, "3+3?", "three", "</think>", "6");
      assertThat(second.timings().reusedTokens()).isEqualTo("[user|2+2?][assistant|".length());
      assertThat(text(chat)).isEqualTo("[user|2+2?][assistant|4][user|3+3?][assistant|6");
    }
  }

  @Test
  void everythingElseStaysAsItWasGenerated() {
    try (ChatSession keeps = chat(KEEPS, FULL);
        ChatSession drops = chat(DROPS, FULL)) {
      assertThat(drops.openedReasoning()).isEmpty();
      GenerationResult kept = send(keeps, "2+2?", "<think>", "two", "</think>", "4");
      keeps.settle();
      int[] tokens = keeps.tokens();
      assertThat(tokens).endsWith(kept.tokens()).hasSize("[user|2+2?][assistant|".length() + 4);
      assertThat(send(drops, "?", "no ", "thoughts ").tokens()).hasSize(2);
      assertThat(drops.length()).isEqualTo("[user|?][assistant|".length() + 2);
      send(drops, "?", "<think>", "\n\n", "</think>", "nothing to drop");
      send(drops, "?", "<think>", "interrupted");
      assertThat(drops.length()).isEqualTo(3 * "[user|?][assistant|".length() + 2 * 1 + 2 + 4 + 2);
    }
  }

  @Test
  void aTurnWithThoughtsIsTakenBack() {
    try (ChatSession full = chat(DROPS, FULL);
        ChatSession bounded = chat(DROPS, BOUNDED)) {
      for (ChatSession chat : List.of(full, bounded)) {
        send(chat, "2+2?", "<think>", "two", "</think>", "4");
        chat.settle();
        int length = chat.length();
        GenerationResult second = send(chat, "3+3?", "<think>", "three", "</think>", "6");
        assertThat(chat.undo()).isEqualTo(Restored.TRUNCATED);
        assertThat(chat.length()).isEqualTo(length);
        GenerationResult again = send(chat, "3+3?", "<think>", "three", "</think>", "6");
        assertThat(again.tokens()).isEqualTo(second.tokens());
      }
    }
  }

  @Test
  void reasoningIsWhatAnAnswerBeginsWith() {
    assertThat(Reasoning.of(" <think>\na b\n</think>c", Optional.empty())).isEqualTo("a b");
    assertThat(Reasoning.of("[THINK]a[/THINK]c", Optional.empty())).isEqualTo("a");
    assertThat(Reasoning.of("a</think>c", Optional.of(Reasoning.THINK))).isEqualTo("a");
    assertThat(Reasoning.of("a</think>c", Optional.empty())).isEmpty();
    assertThat(Reasoning.of("The mark <think> opens, </think> closes.", Optional.empty()))
        .isEmpty();
    assertThat(Reasoning.of("<think>no end", Optional.empty())).isEmpty();
  }
}
