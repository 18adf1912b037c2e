package io.calidrop.generate;

import io.calidrop.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * Chat formats that models were trained on, by the names that llama.cpp gives them, for a model
 * whose own template is missing or cannot be rendered.
 */
enum BuiltInTemplate {
  CHATML(
      "<|im_start|>",
      """
      {% for message in messages %}
      {{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
      {%- endfor %}
      {% if add_generation_prompt %}
      {{- '<|im_start|>assistant\\n' }}
      {%- endif %}
      """),
  LLAMA3(
      "<|start_header_id|>",
      """
      {{- bos_token }}
      {%- for message in messages %}
      {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
      {{- message['content'] | trim + '<|eot_id|>' }}
      {%- endfor %}
      {%- if add_generation_prompt %}
      {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
      {%- endif %}
      """),
  ZEPHYR(
      "<|user|>",
      """
      {% for message in messages %}
      {{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}
      {%- endfor %}
      {% if add_generation_prompt %}
      {{- '<|assistant|>\\n' }}
      {%- endif %}
      """),
  LLAMA2(
      "[INST]",
      """
      {%- set ns = namespace(system='') %}
      {%- for message in messages %}
      {%- if message['role'] == 'system' %}
      {%- set ns.system = '<<SYS>>\\n' + message['content'] + '\\n<</SYS>>\\n\\n' %}
      {%- elif message['role'] == 'user' %}
      {{- bos_token + '[INST] ' + ns.system + message['content'] + ' [/INST]' }}
      {%- set ns.system = '' %}
      {%- else %}
      {{- ' ' + message['content'] + ' ' + eos_token }}
      {%- endif %}
      {%- endfor %}
      """);

  private final String mark;
  private final String source;

  BuiltInTemplate(String mark, String source) {
    this.mark = mark;
    this.source = source;
  }

  /** The Jinja source. */
  String source() {
    return source;
  }

  /** The one whose mark a template holds. */
  static Optional<BuiltInTemplate> like(String template) {
    return Arrays.stream(values()).filter(known -> template.contains(known.mark)).findFirst();
  }

  /** The one whose mark is a token of the vocabulary. */
  static Optional<BuiltInTemplate> of(Tokenizer tokenizer) {
    return Arrays.stream(values())
        .filter(known -> tokenizer.encode(known.mark, true).length == 1)
        .findFirst();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
