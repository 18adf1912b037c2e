package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.MicroModel;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.generate.ChatSession.Restored;
import io.calidrop.sampling.SamplerOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Conversations with the real model, in a full cache and in one that folds. */
class ChatSessionTest {
  private static final GenerationOptions GREEDY =
      GenerationOptions.defaults().withSampling(SamplerOptions.greedy()).withMaxTokens(20);
  private static final String LONG =
      "Please remember every word of this: " + "so it goes. ".repeat(70);

  @TempDir private Path directory;
  private static Engine engine;
  private static Engine bounded;

  @BeforeAll
  static void load() {
    engine = Engine.load(MicroModel.file());
    bounded = bounded(96);
  }

  private static Engine bounded(int rows) {
    CacheOptions cache =
        CacheOptions.full(KvType.F16)
            .bounded(
                new CacheBudget(
                    rows, 4, 32, 32, CacheBudget.Compress.ROLLING, CacheBudget.Positions.REBASE),
                EvictionPolicies.named("h2o"),
                CalibrationOptions.fold(32, 64, 16));
    return Engine.load(MicroModel.file(), EngineOptions.defaults().withThreads(2).withCache(cache));
  }

  @AfterAll
  static void close() {
    if (engine != null) {
      engine.close();
    }
    if (bounded != null) {
      bounded.close();
    }
  }

  private static GenerationResult send(ChatSession chat, String text) {
    return chat.send(text, piece -> {});
  }

  @Test
  void aTurnComputesOnlyWhatIsNew() {
    for (Engine e : List.of(engine, bounded)) {
      try (ChatSession chat = e.chat(GREEDY)) {
        send(chat, LONG);
        int before = chat.length();
        GenerationResult second = send(chat, "Thank you.");
        assertThat(second.timings().reusedTokens()).isBetween(before - 1, before);
        assertThat(second.timings().promptTokens()).isLessThan(30);
      }
    }
  }

  /** A template that strips reasoning from earlier answers does not make the cache forget it. */
  @Test
  void whatWasGeneratedStaysWhateverTheTemplateWouldWrite() {
    ChatTemplate stripping =
        ChatTemplate.of(
            "{% for m in messages %}<|im_start|>{{ m.role }}\n"
                + "{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1] }}"
                + "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
                + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
            "", "");
    List<ChatMessage> messages =
        List.of(
            ChatMessage.user("2 + 2?"),
            ChatMessage.assistant("<think>two and two</think>4"),
            ChatMessage.user("<|im_end|> and 3 + 3?"));
    int[] added = stripping.encodeAfterAnswer(messages, engine.tokenizer()).orElseThrow();
    String text =
        String.join("", Arrays.stream(added).mapToObj(engine.tokenizer()::piece).toList());
    assertThat(text).startsWith("<|im_end|>Ċ<|im_start|>user").endsWith("<|im_start|>assistantĊ");
    long ends = Arrays.stream(added).filter(t -> t == engine.tokenizer().eos()).count();
    assertThat(ends).as("the user's text is no control token").isEqualTo(2);
    ChatTemplate dropping = ChatTemplate.of("{{ messages[-1].content }}", "", "");
    assertThat(dropping.encodeAfterAnswer(messages, engine.tokenizer())).isEmpty();
  }

  /** What comes after an answer is what the whole conversation has there. */
  @Test
  void piecesOfAConversationAreThoseOfTheWhole() {
    ChatTemplate template = engine.template();
    List<ChatMessage> messages =
        List.of(
            ChatMessage.system("Be brief."),
            ChatMessage.user("Hello"),
            ChatMessage.assistant("Hi there."),
            ChatMessage.user("Bye"));
    int[] all = template.encode(messages, true, engine.tokenizer());
    int[] after = template.encodeAfterAnswer(messages, engine.tokenizer()).orElseThrow();
    int[] before = template.encode(messages.subList(0, 2), true, engine.tokenizer());
    int[] answer = engine.tokenizer().encode("Hi there.", false);
    int[] pieces = Stream.of(before, answer, after).flatMapToInt(Arrays::stream).toArray();
    assertThat(pieces).isEqualTo(all);
  }

  @Test
  void undoBringsTheStateOfTheTurnsBeginningBack() {
    try (ChatSession full = engine.chat(GREEDY);
        ChatSession chat = bounded.chat(GREEDY)) {
      assertThat(full.undo()).isEqualTo(Restored.NOTHING);
      send(full, "My name is Ada.");
      GenerationResult answer = send(full, "What is my name?");
      assertThat(full.undo()).isEqualTo(Restored.TRUNCATED);
      assertThat(send(full, "What is my name?").tokens()).isEqualTo(answer.tokens());

      send(chat, "My name is Ada.");
      int length = chat.length();
      GenerationResult folded = send(chat, LONG);
      assertThat(chat.cache().prunes()).isPositive();
      assertThat(chat.undo()).isEqualTo(Restored.SNAPSHOT);
      assertThat(chat.length()).isEqualTo(length);
      assertThat(chat.messages()).hasSize(2);
      GenerationResult again = send(chat, LONG);
      assertThat(again.tokens()).isEqualTo(folded.tokens());
      assertThat(again.cache().kept()).isEqualTo(folded.cache().kept());

      send(chat, "And now?");
      assertThat(chat.undo()).isEqualTo(Restored.SNAPSHOT);
      assertThat(chat.undo()).isEqualTo(Restored.PREFILL);
      assertThat(send(chat, LONG).tokens()).isEqualTo(folded.tokens());
    }
  }

  @Test
  void everyAnswerHasASeedOfItsOwn() {
    GenerationOptions drawn =
        GREEDY.withSampling(SamplerOptions.defaults().withTemperature(1.2).withSeed(5));
    try (ChatSession chat = engine.chat(drawn)) {
      assertThatThrownBy(() -> chat.regenerate(text -> {}, () -> false))
          .hasMessageContaining("no answer yet");
      GenerationResult first = send(chat, "Tell me something.");
      GenerationResult second = chat.regenerate(text -> {}, () -> false);
      assertThat(first.seed()).isEqualTo(5);
      assertThat(second.seed()).isEqualTo(6);
      assertThat(second.text()).isNotEqualTo(first.text());
      assertThat(chat.messages()).hasSize(2);
    }
  }

  @Test
  void aSystemMessageStaysAndMayChange() {
    try (ChatSession chat = bounded.chat(GREEDY).system("You are a pirate.")) {
      send(chat, LONG);
      chat.system("You are a poet.");
      GenerationResult result = send(chat, "Who are you?");
      assertThat(result.timings().reusedTokens()).isZero();
      assertThat(chat.messages().getFirst().content()).isEqualTo("You are a poet.");
      chat.clear();
      assertThat(chat.messages()).containsExactly(ChatMessage.system("You are a poet."));
      assertThat(chat.length()).isZero();
      ChatSession tooLong = bounded.chat(GREEDY).system("Be kind. ".repeat(40));
      assertThatThrownBy(() -> send(tooLong, "Hi"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("raise --budget");
      tooLong.close();
    }
  }

  @Test
  void aSavedConversationGoesOnAsIfItHadNotStopped() throws IOException {
    for (Engine e : List.of(engine, bounded)) {
      Path file = directory.resolve("chat");
      try (ChatSession chat = e.chat(GREEDY).system("Be brief.");
          ChatSession other = e.chat(GREEDY)) {
        send(chat, LONG);
        new ChatFile(e).save(chat, file);
        GenerationResult expected = send(chat, "What did I say?");
        send(other, "Something else.");
        assertThat(new ChatFile(e).load(other, file)).isTrue();
        GenerationResult actual = send(other, "What did I say?");
        assertThat(actual.tokens()).isEqualTo(expected.tokens());
        assertThat(actual.timings().reusedTokens()).isEqualTo(expected.timings().reusedTokens());
        assertThat(other.messages()).isEqualTo(chat.messages());
        assertThat(directory).isDirectoryNotContaining("glob:**.tmp");
      }
    }
  }

  @Test
  void aDamagedOrForeignFileIsRefusedAndChangesNothing() throws IOException {
    Path file = directory.resolve("chat");
    try (ChatSession chat = bounded.chat(GREEDY)) {
      send(chat, "Hello.");
      ChatFile chats = new ChatFile(bounded);
      chats.save(chat, file);
      byte[] whole = Files.readAllBytes(file);
      List<ChatMessage> messages = chat.messages();
      List<Integer> places = new ArrayList<>(List.of(0, 20, 40, whole.length - 1));
      IntStream.range(1, 20).forEach(i -> places.add(i * (whole.length / 20)));
      for (int place : places) {
        byte[] damaged = whole.clone();
        damaged[place] ^= 4;
        Files.write(file, damaged);
        assertThatThrownBy(() -> chats.load(chat, file))
            .isInstanceOf(IOException.class)
            .message()
            .matches("(?s).*(is damaged: its checksum|is no conversation).*");
        Files.write(file, Arrays.copyOf(whole, place));
        assertThatThrownBy(() -> chats.load(chat, file)).isInstanceOf(IOException.class);
      }
      assertThat(chat.messages()).isEqualTo(messages);
      Files.write(file, whole);
      assertThatThrownBy(() -> new ChatFile(engine).load(chat, file))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("saved with another cache");
      assertThatThrownBy(() -> chats.load(chat, directory.resolve("absent")))
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void aConversationIsOfItsTypesOfKeysAndValues() throws IOException {
    Path file = directory.resolve("chat");
    try (Engine pair = ofTypes(KvType.Q5_0, KvType.Q4_0);
        Engine swapped = ofTypes(KvType.Q4_0, KvType.Q5_0);
        ChatSession chat = pair.chat(GREEDY);
        ChatSession again = pair.chat(GREEDY);
        ChatSession other = swapped.chat(GREEDY)) {
      send(chat, "Hello.");
      new ChatFile(pair).save(chat, file);
      new ChatFile(pair).load(again, file);
      assertThat(send(again, "And then?").tokens()).isEqualTo(send(chat, "And then?").tokens());
      assertThatThrownBy(() -> new ChatFile(swapped).load(other, file))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("saved with another cache: K5V4, context 512; now there is K4V5");
    }
  }

  private static Engine ofTypes(KvType keys, KvType values) {
    CacheOptions cache = CacheOptions.full(new KvTypes(keys, values));
    return Engine.load(
        MicroModel.file(), new EngineOptions(2, 512, cache, false, Speculation.auto(), false));
  }
}
