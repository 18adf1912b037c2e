package io.calidrop.eval.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TaskTest {
  private static final ToIntFunction<String> WORDS =
      text -> text.isBlank() ? 0 : text.strip().split("\\s+").length;

  private static String text(TaskDocument document) {
    return document.turns().stream().map(t -> t.content()).collect(Collectors.joining("\n"));
  }

  @ParameterizedTest
  @EnumSource(Task.class)
  void documentsHoldTheAnswersAndHaveTheirLength(Task task) {
    for (int length : List.of(200, 1000)) {
      for (int i = 0; i < 20; i++) {
        TaskDocument document = task.document(2, i, length, 0, WORDS);
        String text = text(document);
        assertThat(WORDS.applyAsInt(text)).isBetween((int) (.75 * length), length + 40);
        for (Question question : document.questions()) {
          assertThat(text).contains(question.expected());
          assertThat(question.isAnsweredBy(" " + question.expected() + ".")).isTrue();
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Task.class)
  void theSameSeedGivesTheSameAndAnotherAnother(Task task) {
    assertThat(task.document(2, 1, 300, 0, WORDS)).isEqualTo(task.document(2, 1, 300, 0, WORDS));
    assertThat(task.document(3, 1, 300, 0, WORDS)).isNotEqualTo(task.document(2, 1, 300, 0, WORDS));
    assertThat(task.document(2, 2, 300, 0, WORDS)).isNotEqualTo(task.document(2, 1, 300, 0, WORDS));
  }

  @Test
  void needlesLieAtTheirDepthAndAFewSeedsCoverAll() {
    Map<Integer, Integer> documents = new TreeMap<>();
    for (Task task : List.of(Task.PASSKEY, Task.NEEDLE)) {
      for (int i = 0; i < 15; i++) {
        TaskDocument document = task.document(2 + i % 3, i / 3, 1000, 5, WORDS);
        String text = text(document);
        double at =
            (double) text.indexOf(document.questions().getFirst().expected()) / text.length();
        assertThat(100 * at).isCloseTo(document.depth(), within(3.0));
        documents.merge(document.depth(), 1, Integer::sum);
      }
    }
    assertThat(documents).containsOnlyKeys(0, 25, 50, 75, 100).containsValue(6).hasSize(5);
    assertThat(Task.NEEDLE.document(2, 0, 300, 0, WORDS).depth()).isEqualTo(TaskDocument.NO_DEPTH);
    assertThat(Task.MULTINEEDLE.document(2, 0, 300, 5, WORDS).depth())
        .isEqualTo(TaskDocument.NO_DEPTH);
  }

  @Test
  void manyQuestionsShareADocument() {
    assertThat(Task.MULTINEEDLE.document(1, 0, 300, 0, WORDS).questions())
        .hasSize(4)
        .doesNotHaveDuplicates();
    assertThat(Task.FACTS.document(1, 0, 300, 0, WORDS).questions()).hasSize(4);
    assertThat(Task.FACTS.document(1, 0, 300, 0, WORDS).turns()).hasSize(8);
  }

  @Test
  void onlyTheWholeAnswerCounts() {
    Question question = new Question("?", "It is", "12345");
    assertThat(question.isAnsweredBy("\n12345")).isTrue();
    assertThat(question.isAnsweredBy(" 12345, or so")).isTrue();
    assertThat(question.isAnsweredBy(" 123456")).isFalse();
    assertThat(question.isAnsweredBy(" not 12345")).isFalse();
    assertThat(question.isAnsweredBy("")).isFalse();
  }
}
