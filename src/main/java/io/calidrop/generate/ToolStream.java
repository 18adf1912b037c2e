package io.calidrop.generate;

import io.calidrop.constraint.CallForm;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Utf8Decoder;
import java.util.BitSet;

/**
 * Tells an answer's text as it comes, and holds back what may be a call. For one thread at a time.
 */
public final class ToolStream {
  private final CallForm form;
  private final CallStart start;
  private final Tokenizer tokenizer;
  private final Utf8Decoder decoder = new Utf8Decoder();
  private final StringBuilder spelled = new StringBuilder(); // with the text of control tokens
  private final BitSet hidden = new BitSet(); // what of it is theirs
  private final StringBuilder text = new StringBuilder();
  private int told; // characters of the text

  ToolStream(CallForm form, Tokenizer tokenizer) {
    this.form = form;
    start = new CallStart(form);
    this.tokenizer = tokenizer;
  }

  /** Takes a token of the answer, before its text. */
  public void sampled(int token) {
    if (tokenizer.isControl(token)) {
      int begin = spelled.length();
      spelled.append(tokenizer.piece(token));
      hidden.set(begin, spelled.length());
    } else {
      spelled.append(decoder.append(tokenizer.bytes(token)));
    }
  }

  /** Takes a piece of the text; returns what can be told now, possibly nothing. */
  public String text(String piece) {
    text.append(piece);
    int certain = certain();
    int end = certain - hidden.get(0, certain).cardinality();
    end = Math.min(end, text.length()); // a piece may be held back as the beginning of a stop text
    while (end > told && Character.isWhitespace(text.charAt(end - 1))) {
      end--; // before a call blanks are no text
    }
    return tell(end);
  }

  private String tell(int end) {
    String piece = text.substring(told, Math.max(told, end));
    told += piece.length();
    return piece;
  }

  /** How far no call has begun, or may have. */
  private int certain() {
    int begin = start.in(spelled);
    if (begin >= 0) {
      return begin;
    }
    int length = Math.min(spelled.length(), form.mark().length() - 1);
    while (length > 0 && !form.mark().startsWith(spelled.substring(spelled.length() - length))) {
      length--;
    }
    return spelled.length() - length;
  }

  /** What is left to tell of an answer that is whole: all of it where nothing is called. */
  public String rest(ToolAnswer answer) {
    return answer.calls().isEmpty() ? tell(text.length()) : "";
  }
}
