package io.calidrop.generate;

import io.calidrop.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * An answer as its template writes it once another question follows, where that leaves out the
 * reasoning.
 *
 * @param takenBack tokens at the prompt's end that are not there any more: the opened mark
 * @param tokens from there to the answer's end
 */
record AnswerInHistory(int takenBack, int[] tokens) {
  private static final ChatMessage NEXT = ChatMessage.user("1");

  /**
   * Renders a turn with and without what follows.
   *
   * @param asked a conversation up to the question
   * @return empty where the template keeps the reasoning, there is none, or more than the answer is
   *     written otherwise
   */
  static Optional<AnswerInHistory> of(
      ChatTemplate template, Tokenizer tokenizer, List<ChatMessage> asked, ChatMessage answer) {
    Optional<Reasoning> opened = Reasoning.openedBy(template.render(asked, true));
    if (Reasoning.of(answer.content(), opened).isEmpty()) {
      return Optional.empty();
    }
    List<ChatMessage> all = conversation(asked, answer);
    ChatMessage other = ChatMessage.assistant(Reasoning.withMoreThoughts(answer.content(), opened));
    if (!template.render(all, true).equals(template.render(conversation(asked, other), true))) {
      return Optional.empty();
    }
    int[] prompt = template.encode(asked, true, tokenizer);
    int[] question = template.encode(asked, false, tokenizer);
    int[] whole = template.encode(all, true, tokenizer);
    int[] after = template.encodeAfterAnswer(all, tokenizer).orElse(new int[0]);
    int common = common(prompt, whole);
    int end = whole.length - after.length;
    if (common < common(prompt, question)
        || end < common
        || after.length == 0
        || !Arrays.equals(whole, end, whole.length, after, 0, after.length)) {
      return Optional.empty();
    }
    return Optional.of(
        new AnswerInHistory(prompt.length - common, Arrays.copyOfRange(whole, common, end)));
  }

  private static List<ChatMessage> conversation(List<ChatMessage> asked, ChatMessage answer) {
    List<ChatMessage> all = new ArrayList<>(asked);
    all.add(answer);
    all.add(NEXT);
    return all;
  }

  private static int common(int[] a, int[] b) {
    int mismatch = Arrays.mismatch(a, b);
    return mismatch < 0 ? a.length : mismatch;
  }
}
