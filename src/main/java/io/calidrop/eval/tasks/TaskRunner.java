package io.calidrop.eval.tasks;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.KvTypes;
import io.calidrop.eval.CacheSetting;
import io.calidrop.eval.NextTokens;
import io.calidrop.eval.SessionSource;
import io.calidrop.generate.ChatTemplate;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;
import io.calidrop.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Answers questions about a document greedily with caches of several settings. The document is
 * attended once for all settings, and questions about the same one share it. For one thread at a
 * time.
 */
public final class TaskRunner {
  /** Tokens that an answer may have beyond those of the expected one. */
  private static final int SLACK = 3;

  private final Transformer model;
  private final Tokenizer tokenizer;
  private final Optional<ChatTemplate> template;
  private final KvTypes kvTypes;
  private final Compress compress;

  /**
   * @param template of the model; without one, texts follow each other
   * @param compress as all settings have it
   */
  public TaskRunner(
      Transformer model,
      Tokenizer tokenizer,
      Optional<ChatTemplate> template,
      KvTypes kvTypes,
      Compress compress) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.template = template;
    this.kvTypes = kvTypes;
    this.compress = compress;
  }

  /**
   * Asks the first {@code questions} questions of a document.
   *
   * @return how many each setting answers
   */
  public int[] run(
      TaskDocument document, int questions, QuestionOrder order, List<CacheSetting> settings) {
    boolean aware = order == QuestionOrder.AWARE;
    boolean once = compress == Compress.ONCE;
    List<Question> asked = document.questions().subList(0, questions);
    List<TaskPrompt> prompts =
        asked.stream()
            .map(
                question ->
                    TaskPrompt.of(document, question, order, aware && !once, template, tokenizer))
            .toList();
    int[] answered = new int[settings.size()];
    if (!aware) {
      ask(asked, prompts, settings, answered);
      return answered;
    }
    for (int i = 0; i < questions; i++) { // each has a context of its own
      ask(List.of(asked.get(i)), List.of(prompts.get(i)), settings, answered);
    }
    return answered;
  }

  /** Asks questions that share their context. */
  private void ask(
      List<Question> questions,
      List<TaskPrompt> prompts,
      List<CacheSetting> settings,
      int[] answered) {
    int[] context = prompts.getFirst().context();
    int longest = 0;
    for (int i = 0; i < prompts.size(); i++) {
      int answer = tokenizer.encode(questions.get(i).expected(), false).length + SLACK;
      longest = Math.max(longest, prompts.get(i).rest().length + answer);
    }
    List<CacheOptions> caches = settings.stream().map(CacheSetting::options).toList();
    boolean once = compress == Compress.ONCE;
    int positions = context.length + longest + 1;
    SessionSource source =
        new SessionSource(model, positions, context, context.length, once, kvTypes, caches);
    for (int s = 0; s < caches.size(); s++) {
      try (InferenceSession session = source.open(caches.get(s))) {
        int last = questions.size() - 1;
        for (int i = 0; i < last; i++) {
          try (InferenceSession copy = model.fork(session)) {
            answered[s] += answers(copy, questions.get(i), prompts.get(i)) ? 1 : 0;
          }
        }
        answered[s] += answers(session, questions.get(last), prompts.get(last)) ? 1 : 0;
      }
    }
  }

  /** Whether a session that has had the context answers; it goes on with the answer. */
  private boolean answers(InferenceSession session, Question question, TaskPrompt prompt) {
    int length = tokenizer.encode(question.expected(), false).length + SLACK;
    int[] answer = new int[length];
    int count = 0;
    float[] logits = model.forward(session, prompt.rest(), 0, prompt.rest().length, true);
    while (count < length) {
      int next = NextTokens.argmax(logits, 0, logits.length);
      if (tokenizer.endTokens().contains(next)) {
        break;
      }
      answer[count++] = next;
      if (count < length) {
        logits = model.forward(session, answer, count - 1, count, true);
      }
    }
    return question.isAnsweredBy(tokenizer.decode(Arrays.copyOf(answer, count)));
  }
}
