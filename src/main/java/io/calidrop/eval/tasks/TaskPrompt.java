package io.calidrop.eval.tasks;

import io.calidrop.generate.ChatMessage;
import io.calidrop.generate.ChatTemplate;
import io.calidrop.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The tokens of a question about a document.
 *
 * @param context what stands before the cache is compressed
 * @param rest what the model is given after that; the answer follows
 */
record TaskPrompt(int[] context, int[] rest) {

  /**
   * Writes the prompt.
   *
   * @param template of the model; without one the texts follow each other
   * @param questionFirst whether the question stands before the document too, for caches that are
   *     compressed from the first token on
   */
  static TaskPrompt of(
      TaskDocument document,
      Question question,
      QuestionOrder order,
      boolean questionFirst,
      Optional<ChatTemplate> template,
      Tokenizer tokenizer) {
    List<ChatMessage> turns = new ArrayList<>(document.turns());
    if (questionFirst) {
      ChatMessage first = turns.getFirst();
      turns.set(0, new ChatMessage(first.role(), question.text() + "\n\n" + first.content()));
    }
    String last = turns.getLast().content();
    if (turns.getLast().role().equals("user")) {
      turns.set(turns.size() - 1, new ChatMessage("user", last + "\n\n" + question.text()));
    } else {
      turns.add(new ChatMessage("user", question.text()));
    }
    String text = template.map(t -> t.render(turns, true)).orElseGet(() -> plain(turns) + "\n\n");
    int end = order == QuestionOrder.AWARE ? text.length() : text.lastIndexOf(last) + last.length();
    String rest = text.substring(end) + question.answerStart();
    boolean bos = template.isEmpty();
    String context = text.substring(0, end);
    return new TaskPrompt(
        bos ? tokenizer.encodeWithBos(context) : tokenizer.encode(context, true),
        tokenizer.encode(rest, true));
  }

  private static String plain(List<ChatMessage> turns) {
    return String.join("\n\n", turns.stream().map(ChatMessage::content).toList());
  }
}
