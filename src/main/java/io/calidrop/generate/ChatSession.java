package io.calidrop.generate;

import io.calidrop.model.InferenceSession;
import io.calidrop.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A conversation. Each turn renders all of it with the model's template; whatever the cache still
 * holds of those tokens is not computed again.
 */
public final class ChatSession implements AutoCloseable {
  private final Generator generator;
  private final InferenceSession session;
  private final Tokenizer tokenizer;
  private final ChatTemplate template;
  private final GenerationOptions options;
  private final List<ChatMessage> messages = new ArrayList<>();
  private int[] cached = {}; // the tokens whose keys and values the session holds

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
    return List.copyOf(messages);
  }

  /**
   * Sets the system message; only before the first turn.
   *
   * @throws IllegalStateException if the conversation has begun
   */
  public ChatSession system(String text) {
    if (!messages.isEmpty()) {
      throw new IllegalStateException("the system message comes before the first turn");
    }
    messages.add(new ChatMessage("system", text));
    return this;
  }

  /** Forgets every turn; a system message stays. */
  public void clear() {
    messages.removeIf(message -> !message.role().equals("system"));
  }

  /** {@link #send(String, Consumer, BooleanSupplier)} without interruption. */
  public GenerationResult send(String text, Consumer<String> onText) {
    return send(text, onText, () -> false);
  }

  /**
   * Adds a user's turn and generates the answer, which becomes a turn too, whole or interrupted.
   *
   * @throws IllegalArgumentException if the conversation with this turn does not fit into the
   *     context; it is left as it was
   */
  public GenerationResult send(String text, Consumer<String> onText, BooleanSupplier interrupted) {
    List<ChatMessage> turn = new ArrayList<>(messages);
    turn.add(new ChatMessage("user", text));
    int[] prompt = template.encode(turn, true, tokenizer);
    if (prompt.length > session.limit()) {
      throw new IllegalArgumentException(
          "the conversation has %d tokens with this message, more than the context of %d: shorten it, start anew, or raise --ctx"
              .formatted(prompt.length, session.limit()));
    }
    // The last token is computed again even if it is cached: its logits are wanted.
    int common = Arrays.mismatch(prompt, cached);
    int kept = common < 0 ? prompt.length - 1 : Math.min(common, prompt.length - 1);
    kept = Math.min(kept, session.position());
    session.truncate(session.canTruncate(kept) ? kept : 0);
    cached = Arrays.copyOf(prompt, session.position());
    if (session.position() == 0 && turn.getFirst().role().equals("system")) {
      session.pin(systemTokens(turn.getFirst()));
    }
    GenerationResult result = generator.generate(session, prompt, options, onText, interrupted);
    int[] all = Arrays.copyOf(prompt, prompt.length + result.tokens().length);
    System.arraycopy(result.tokens(), 0, all, prompt.length, result.tokens().length);
    // The answer's text may be tokenised differently next time: then only the common part is
    // reused.
    cached = Arrays.copyOf(all, session.position());
    messages.add(turn.getLast());
    messages.add(new ChatMessage("assistant", result.text()));
    return result;
  }

  /** Tokens that a conversation begins with whatever the user says. */
  private int systemTokens(ChatMessage system) {
    int[] one = template.encode(List.of(system, new ChatMessage("user", "1")), true, tokenizer);
    int[] two = template.encode(List.of(system, new ChatMessage("user", "2")), true, tokenizer);
    return Arrays.mismatch(one, two);
  }

  /** Frees what the cache holds outside of the heap. */
  @Override
  public void close() {
    session.close();
  }
}
