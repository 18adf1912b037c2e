package io.calidrop.bench;

import io.calidrop.gguf.GgufWriter;
import io.calidrop.tokenizer.ByteAlphabet;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A byte-level BPE vocabulary of any size, with a chat's control tokens and template: what
 * SmolLM2's is like, in small.
 */
public final class RandomVocabulary {
  private static final List<String> CONTROLS =
      List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>");

  private static final int BYTES = 256;
  private static final int END_OF_TEXT = 0;
  private static final int END_OF_TURN = 2;
  private static final int NORMAL = 1;
  private static final int CONTROL = 3;

  /** What byte-pair encoding learns first from a few sentences about Paris, a whale and a ship. */
  private static final String MERGES =
      """
      Ġ a,h e,Ġ t,i s,Ġ s,Ġ w,Ġt he,a n,Ġ o,i t,Ġo f,a l,Ġ is,a p,c ap,c e,m e,n d,o u,\
      Ġ cap,F r,Fr an,Fran ce,a s,an t,e a,e r,is t,ist ant,it al,l o,r e,s istant,\
      s sistant,Ġ France,Ġ n,Ġ u,Ġa nd,Ġa ssistant,Ġcap ital,Ġs ea,Ġw as,P a,Pa r,Par is,\
      T he,W h,Wh a,Wha t,a me,al e,e l,e m,h ale,i n,lo n,lon g,o r,or y,s er,s t,st em,\
      t ory,y stem,Ġ A,Ġ Paris,Ġ The,Ġ it,Ġ long,Ġn ame,Ġs tory,Ġs ystem,Ġu ser,Ġw hale,\
      C ou,Cou n,Coun t,H el,Hel lo,I t,M y,O n,On ce,T el,Tel l,Y ou,a in,an d,b o,b r""";

  /** What more tokens there are spells all words of capitals, the short ones first. */
  private static final List<String> LETTERS =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ".chars().mapToObj(Character::toString).toList();

  private static final String TEMPLATE =
      """
      {% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] \
      + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}\
      {{ '<|im_start|>assistant\\n' }}{% endif %}""";

  private RandomVocabulary() {}

  /**
   * Declares the metadata of the vocabulary and of the chat template.
   *
   * @param size the number of tokens, at least 349
   */
  public static void put(GgufWriter writer, int size) {
    List<Integer> types = new ArrayList<>(Collections.nCopies(size, NORMAL));
    Collections.fill(types.subList(0, CONTROLS.size()), CONTROL);
    writer
        .put("tokenizer.ggml.model", "gpt2")
        .put("tokenizer.ggml.pre", "smollm")
        .put("tokenizer.ggml.tokens", tokens(size))
        .put("tokenizer.ggml.token_type", types)
        .put("tokenizer.ggml.merges", merges(size))
        .put("tokenizer.ggml.bos_token_id", END_OF_TEXT)
        .put("tokenizer.ggml.eos_token_id", END_OF_TURN)
        .put("tokenizer.ggml.add_bos_token", false)
        .put("tokenizer.chat_template", TEMPLATE);
  }

  /** The tokens as a vocabulary of that size spells them: control tokens, bytes, merged ones. */
  public static List<String> tokens(int size) {
    List<String> tokens = new ArrayList<>(CONTROLS);
    for (int b = 0; b < BYTES; b++) {
      tokens.add(String.valueOf(ByteAlphabet.character((byte) b)));
    }
    merges(size).forEach(merge -> tokens.add(merge.replace(" ", "")));
    return tokens;
  }

  private static List<String> merges(int size) {
    int count = size - CONTROLS.size() - BYTES;
    List<String> merges = new ArrayList<>(List.of(MERGES.split(",")));
    List<String> words = LETTERS;
    while (merges.size() < count) {
      List<String> longer = new ArrayList<>();
      for (String word : words) {
        for (String letter : LETTERS) {
          merges.add(word + " " + letter);
          longer.add(word + letter);
        }
      }
      words = longer;
    }
    return merges.subList(0, count);
  }
}
