package io.calidrop.generate;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.StateTransfer;
import io.calidrop.gguf.ModelFormatException;
import io.calidrop.model.InferenceSession;
import io.calidrop.tokenizer.TokenList;
import io.calidrop.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A conversation. A turn only computes what is new: the tokens of earlier turns stay as they were
 * read and generated, also where the template would write an answer otherwise, and whatever becomes
 * of their rows in a bounded cache. Only reasoning that the template leaves out of earlier answers
 * goes, as the model was trained: before the next turn the session goes back to where the answer
 * began and continues with what the template keeps. A bounded cache, which cannot go back so far,
 * takes the copy of the turn's beginning and reads question and answer again.
 *
 * <p>One thread at a time. Conversations of one engine may each have a thread. Closing one frees
 * what its cache holds; the engine stays.
 */
public final class ChatSession implements AutoCloseable {
  private final Generator generator;
  private final InferenceSession session;
  private final Tokenizer tokenizer;
  private final List<Turn> turns = new ArrayList<>();
  private ChatTemplate template;
  private GenerationOptions options;
  private String system; // or null
  private final TokenList tokens = new TokenList(); // of all turns; the session holds the first
  private int answerStart = -1; // tokens before the last answer, until it is settled
  private int markedAt = -1; // how many there were when the session was marked, or none
  private int marked; // its position then
  private long draws; // generations so far: each has a seed of its own

  /**
   * A question and its answer.
   *
   * @param start tokens before the turn
   */
  record Turn(ChatMessage question, ChatMessage answer, int start) {}

  /** How the state of an earlier turn came back. */
  public enum Restored {
    /** There was no turn to take back. */
    NOTHING,
    /** The cache still held it, or had a copy of it. */
    TRUNCATED,
    /** From the copy that was taken when the turn began, some tokens of which were not read yet. */
    SNAPSHOT,
    /** The next turn computes all tokens anew. */
    PREFILL
  }

  ChatSession(
      Generator generator,
      InferenceSession session,
      Tokenizer tokenizer,
      ChatTemplate template,
      GenerationOptions options) {
    this.generator = generator;
    this.session = session;
    this.tokenizer = tokenizer;
    this.template = template;
    this.options = options;
  }

  /** The turns so far, a system message included. */
  public List<ChatMessage> messages() {
    List<ChatMessage> messages = beginning();
    for (Turn turn : turns) {
      messages.add(turn.question());
      messages.add(turn.answer());
    }
    return messages;
  }

  /**
   * What every conversation of this session begins with: the system message, where there is one.
   */
  private List<ChatMessage> beginning() {
    List<ChatMessage> messages = new ArrayList<>();
    if (system != null) {
      messages.add(ChatMessage.system(system));
    }
    return messages;
  }

  /** The system message, where one was set. */
  public Optional<String> system() {
    return Optional.ofNullable(system);
  }

  /**
   * Sets the system message. Turns that there are stay, and are computed anew with it, as the
   * template writes them.
   */
  public ChatSession system(String text) {
    system = text;
    if (!turns.isEmpty()) {
      forgetTokens();
    }
    return this;
  }

  /** How the conversation is written. */
  public ChatTemplate template() {
    return template;
  }

  /** Changes it. Turns that there are stay, and are computed anew. */
  public void template(ChatTemplate template) {
    this.template = template;
    if (!turns.isEmpty()) {
      forgetTokens();
    }
  }

  public GenerationOptions options() {
    return options;
  }

  /** Changes how the coming answers are generated. */
  public void options(GenerationOptions options) {
    this.options = options;
    draws = 0;
  }

  /** What the cache holds. */
  public CacheStatistics cache() {
    return session.statistics();
  }

  /** What each layer of the cache holds; empty without a budget. */
  public List<CacheStatistics> layers() {
    return session.layerStatistics();
  }

  /** Tokens of the conversation. */
  public int length() {
    return tokens.size();
  }

  /** Forgets every turn; a system message stays. */
  public void clear() {
    turns.clear();
    forgetTokens();
  }

  private void forgetTokens() {
    tokens.truncate(0);
    answerStart = -1;
    markedAt = -1;
    session.truncate(0);
  }

  /** {@link #send(String, Consumer)} without showing the answer on the way. */
  public GenerationResult send(String text) {
    return send(text, piece -> {});
  }

  /** {@link #send(String, Consumer, BooleanSupplier)} without interruption. */
  public GenerationResult send(String text, Consumer<String> onText) {
    return send(text, onText, () -> false);
  }

  /**
   * Adds a user's turn and generates the answer, which becomes a turn too, whole or interrupted.
   *
   * @param onText is given the answer piece by piece, each a whole number of characters, by the
   *     calling thread
   * @param interrupted asked before each token; true ends the answer
   * @throws IllegalArgumentException if the conversation with this turn does not fit into the
   *     context, or the template refuses it; it is left as it was
   */
  public GenerationResult send(String text, Consumer<String> onText, BooleanSupplier interrupted) {
    settle();
    ChatMessage question = ChatMessage.user(text);
    int[] added = encode(question);
    int start = tokens.size();
    int length = start + added.length;
    if (length > session.limit()) {
      throw new IllegalArgumentException(
          "the conversation has %d tokens with this message, more than the context of %d: shorten it, start anew, or raise --ctx"
              .formatted(length, session.limit()));
    }
    if (session.position() == 0) {
      pin();
    } else {
      markedAt = -1; // until it is whole
      session.mark();
      marked = session.position();
      markedAt = start;
    }
    tokens.addAll(added);
    GenerationResult result;
    try {
      GenerationOptions drawn = template.afterThought(drawn(), asked(question));
      result = generator.generate(session, tokens.array(), length, drawn, onText, interrupted);
    } catch (RuntimeException e) {
      tokens.truncate(start);
      throw e;
    }
    draws++;
    tokens.addAll(result.tokens());
    turns.add(new Turn(question, ChatMessage.assistant(result.text()), start));
    answerStart = length;
    return result;
  }

  /** Makes of the last answer, once, what its template will make of it. */
  void settle() {
    if (answerStart < 0) {
      return;
    }
    int start = answerStart;
    answerStart = -1;
    Turn turn = turns.getLast();
    List<ChatMessage> asked = asked(turn.question());
    Optional<AnswerInHistory> written;
    try {
      written = AnswerInHistory.of(template, tokenizer, asked, turn.answer());
    } catch (IllegalArgumentException | ModelFormatException e) {
      return; // the template refuses another question: the next turn says why
    }
    int kept = start - written.map(AnswerInHistory::takenBack).orElse(0);
    if (written.isPresent() && kept >= turn.start()) {
      Restored how = goBack(kept, turn.start());
      tokens.truncate(kept);
      tokens.addAll(written.get().tokens());
      if (how != Restored.TRUNCATED) {
        readAll(); // apart from the next question, so that there is a copy of its turn's beginning
      }
    }
  }

  private void readAll() {
    if (session.position() == 0) {
      pin();
    }
    generator.read(session, tokens.array(), tokens.size());
  }

  /** The marks that the coming answer begins inside of, because the template opens them. */
  public Optional<Reasoning> openedReasoning() {
    return Reasoning.openedBy(template.render(asked(ChatMessage.user("1")), true));
  }

  /** The conversation as if a question were its first. */
  private List<ChatMessage> asked(ChatMessage question) {
    List<ChatMessage> asked = beginning();
    asked.add(question);
    return asked;
  }

  /** The options with the turn's own seed. A conversation may have no end, an answer has one. */
  private GenerationOptions drawn() {
    GenerationOptions drawn =
        options.withSampling(options.sampling().withSeed(options.sampling().seed() + draws));
    return drawn.maxTokens() == GenerationOptions.UNLIMITED
        ? drawn.withMaxTokens(session.contextLength())
        : drawn;
  }

  /** The tokens that come before the answer to a question, after those that there are. */
  private int[] encode(ChatMessage question) {
    if (tokens.size() > 0) {
      Optional<int[]> added = template.encodeAfterAnswer(lastTurn(question), tokenizer);
      if (added.isPresent()) {
        return added.get();
      }
      forgetTokens();
    }
    List<ChatMessage> all = messages();
    all.add(question);
    return template.encode(all, true, tokenizer);
  }

  /**
   * The shortest conversation that ends as this one does with another question: what a turn costs
   * does not grow with the turns before it.
   */
  private List<ChatMessage> lastTurn(ChatMessage question) {
    List<ChatMessage> messages = beginning();
    messages.add(turns.getLast().question());
    messages.add(turns.getLast().answer());
    messages.add(question);
    return messages;
  }

  /** Keeps what a conversation begins with, whatever the user says. */
  private void pin() {
    List<ChatMessage> one = beginning();
    List<ChatMessage> two = beginning();
    one.add(ChatMessage.user("1"));
    two.add(ChatMessage.user("2"));
    int[] first = template.encode(one, true, tokenizer);
    int common = Arrays.mismatch(first, template.encode(two, true, tokenizer));
    try {
      session.pin(Math.max(0, common));
    } catch (IllegalArgumentException e) {
      if (system != null) {
        throw e; // a template's own preamble may go
      }
    }
  }

  /** Takes the last turn back. */
  public Restored undo() {
    if (turns.isEmpty()) {
      return Restored.NOTHING;
    }
    answerStart = -1;
    int start = turns.removeLast().start();
    tokens.truncate(start);
    return goBack(start, start);
  }

  /**
   * Leaves the session with the first {@code length} tokens, or with fewer where it cannot go back
   * so far.
   *
   * @param start of the turn that they end in
   */
  private Restored goBack(int length, int start) {
    int kept = Math.min(length, session.position());
    if (session.canTruncate(kept)) {
      session.truncate(kept);
      return Restored.TRUNCATED;
    }
    if (markedAt == start && session.canTruncate(marked)) {
      session.truncate(marked);
      return Restored.SNAPSHOT;
    }
    session.truncate(0);
    return Restored.PREFILL;
  }

  /**
   * Takes the last answer back and generates another, with another seed.
   *
   * @throws IllegalStateException if there is no turn yet
   */
  public GenerationResult regenerate(Consumer<String> onText, BooleanSupplier interrupted) {
    if (turns.isEmpty()) {
      throw new IllegalStateException("there is no answer yet");
    }
    String question = turns.getLast().question().content();
    undo();
    return send(question, onText, interrupted);
  }

  List<Turn> turns() {
    return turns;
  }

  long draws() {
    return draws;
  }

  /**
   * Takes over a saved conversation.
   *
   * @param state of the cache, or null where it is to be computed from the tokens
   * @throws IllegalArgumentException if that is no conversation; this one is then as it was, or
   *     empty if the state is wrong
   */
  void restore(String system, List<Turn> turns, long draws, int[] tokens, StateTransfer state) {
    requireConsistent(turns, tokens);
    clear();
    this.system = system;
    this.turns.addAll(turns);
    this.draws = draws;
    this.tokens.addAll(tokens);
    if (state != null) {
      restore(state);
    }
  }

  private void restore(StateTransfer state) {
    try {
      session.transfer(state);
      if (session.position() > tokens.size()) {
        throw new IllegalArgumentException("its cache holds more tokens than it has");
      }
    } catch (RuntimeException e) {
      clear();
      throw e;
    }
  }

  private void requireConsistent(List<Turn> turns, int[] tokens) {
    int from = 0;
    for (Turn turn : turns) {
      if (turn.start() < from || turn.start() > tokens.length) {
        throw new IllegalArgumentException("a turn begins at token " + turn.start());
      }
      from = turn.start();
    }
    for (int token : tokens) {
      if (token < 0 || token >= tokenizer.vocabularySize()) {
        throw new IllegalArgumentException("token " + token + " is not in the vocabulary");
      }
    }
  }

  int[] tokens() {
    return tokens.toArray();
  }

  void transfer(StateTransfer state) {
    session.transfer(state);
  }

  /** Frees what the cache holds outside of the heap. */
  @Override
  public void close() {
    session.close();
  }
}
