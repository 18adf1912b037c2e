package io.calidrop.generate;

import io.calidrop.constraint.CallForm;
import io.calidrop.constraint.JsonCalls;
import io.calidrop.constraint.ParameterCalls;
import io.calidrop.gguf.ModelFormatException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Finds out how a template writes calls: from what it writes of calls that are made up. */
final class TemplateCalls {
  private static final String NAME = "probe_name";
  private static final String OTHER = "probe_other";
  private static final String TEXT = "probe text";
  private static final String ID = "abcdef123";
  private static final int NUMBER = 271828;
  private static final ChatMessage ASKED = ChatMessage.user("Hi");
  private static final Pattern TAG = Pattern.compile("<[^<>/][^<>]*>");

  private TemplateCalls() {}

  /**
   * The form of a template's calls.
   *
   * @throws IllegalArgumentException if it is not known
   */
  static CallForm form(ChatTemplate template) {
    String text =
        written(template, "", List.of(call(NAME, Map.of("k", "v")))).replaceAll("\\s", "");
    for (JsonCalls form : JsonCalls.values()) {
      String json = "{\"name\":\"%s\",\"%s\":{\"k\":\"v\"}".formatted(NAME, form.key());
      boolean found =
          switch (form) {
            case TAGS -> text.contains(form.mark() + json);
            case LIST -> text.contains(form.mark() + "[" + json);
            case OBJECT -> text.contains(json);
            case NAMED ->
                text.replace(JsonCalls.ID + ID, "")
                    .contains(form.mark() + NAME + JsonCalls.ARGUMENTS + "{\"k\":\"v\"}");
          };
      if (found) {
        return form;
      }
    }
    return parameters(template)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "tools: the chat template writes calls in a form that is not supported"));
  }

  /** Calls whose arguments stand one by one: what is alike in two of them, and what is between. */
  private static Optional<ParameterCalls> parameters(ChatTemplate template) {
    Map<String, Object> two = new LinkedHashMap<>();
    two.put("key_a", "value_a");
    two.put("key_b", "value_b");
    Map<String, Object> one = Map.of("key_c", NUMBER);
    List<String> full =
        between(
            written(template, TEXT, List.of(call(NAME, two), call(OTHER, one))),
            List.of(
                TEXT, NAME, "key_a", "value_a", "key_b", "value_b", OTHER, "key_c", "" + NUMBER));
    List<String> bare =
        between(
            written(template, TEXT, List.of(call(NAME, Map.of()), call(OTHER, Map.of()))),
            List.of(TEXT, NAME, OTHER));
    if (full.isEmpty() || bare.isEmpty()) {
      return Optional.empty();
    }
    Optional<MatchResult> tag = TAG.matcher(full.get(0)).results().reduce((a, b) -> b);
    String mark = tag.map(MatchResult::group).orElse("");
    String close = mark.replace("<", "</");
    int closeFull = full.get(8).indexOf(close);
    int closeBare = bare.get(2).indexOf(close);
    String valueEnd = tags(full.get(3), full.get(5), full.get(8));
    boolean alike =
        full.get(1).equals(full.get(6))
            && full.get(2).equals(full.get(4))
            && full.get(2).equals(full.get(7))
            && full.get(0).equals(bare.get(0));
    if (!alike
        || tag.isEmpty()
        || !full.get(0).substring(0, tag.get().start()).isBlank()
        || full.get(1).isEmpty()
        || full.get(2).isEmpty()
        || closeFull < valueEnd.length()
        || closeBare < 0
        || valueEnd.isEmpty()) {
      return Optional.empty();
    }
    String another = full.get(5).substring(valueEnd.length());
    String last = full.get(8).substring(valueEnd.length(), closeFull + close.length());
    String ended = tags(another, last);
    String again = another.substring(ended.length());
    String closed = last.substring(ended.length());
    String bareLast = bare.get(2).substring(0, closeBare + close.length());
    String none = bareLast.substring(0, Math.max(0, bareLast.length() - closed.length()));
    if (again.isEmpty() || !bareLast.equals(none + closed) || !bare.get(1).equals(none + again)) {
      return Optional.empty();
    }
    return Optional.of(
        new ParameterCalls(
            mark,
            full.get(0).substring(tag.get().end()),
            full.get(1),
            full.get(2),
            valueEnd,
            full.get(3).substring(valueEnd.length()),
            ended,
            none,
            again,
            closed));
  }

  private static Map<String, Object> call(String name, Map<String, Object> arguments) {
    Map<String, Object> function = new LinkedHashMap<>();
    function.put("name", name);
    function.put("arguments", arguments);
    return Map.of("id", ID, "type", "function", "function", function);
  }

  /** What a template writes of an answer that calls functions; empty where it cannot. */
  private static String written(
      ChatTemplate template, String text, List<Map<String, Object>> calls) {
    ChatMessage answer = new ChatMessage("assistant", text, Map.of("tool_calls", calls));
    try {
      return template.render(List.of(ASKED, answer), false);
    } catch (IllegalArgumentException | ModelFormatException e) {
      return "";
    }
  }

  /** What stands between some words, and after the last; nothing where one is not there. */
  private static List<String> between(String text, List<String> words) {
    List<String> parts = new ArrayList<>();
    int at = 0;
    for (String word : words) {
      int begin = text.indexOf(word, at);
      if (begin < 0) {
        return List.of();
      }
      parts.add(text.substring(at, begin));
      at = begin + word.length();
    }
    parts.add(text.substring(at));
    return parts.subList(1, parts.size());
  }

  /** What texts begin with alike, up to the end of the last whole tag in it. */
  private static String tags(String... texts) {
    int alike = 0;
    String first = texts[0];
    while (alike < first.length() && startsAlike(first.substring(0, alike + 1), texts)) {
      alike++;
    }
    return first.substring(0, first.lastIndexOf('>', alike - 1) + 1);
  }

  private static boolean startsAlike(String begin, String... texts) {
    return List.of(texts).stream().allMatch(text -> text.startsWith(begin));
  }
}
