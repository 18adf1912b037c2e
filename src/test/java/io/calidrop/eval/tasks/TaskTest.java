package io.calidrop.eval.tasks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
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
        TaskDocument document = task.document(2, i, length, WORDS);
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
    assertThat(task.document(2, 1, 300, WORDS)).isEqualTo(task.document(2, 1, 300, WORDS));
    assertThat(task.document(3, 1, 300, WORDS)).isNotEqualTo(task.document(2, 1, 300, WORDS));
    assertThat(task.document(2, 2, 300, WORDS)).isNotEqualTo(task.document(2, 1, 300, WORDS));
  }

  @Test
  void manyQuestionsShareADocument() {
    assertThat(Task.MULTINEEDLE.document(1, 0, 300, WORDS).questions())
        .hasSize(4)
        .doesNotHaveDuplicates();
    assertThat(Task.FACTS.document(1, 0, 300, WORDS).questions()).hasSize(4);
    assertThat(Task.FACTS.document(1, 0, 300, WORDS).turns()).hasSize(8);
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
