package io.calidrop.template;

/**
 * What a name without a value stands for: nothing when written, false, empty, and an error when
 * anything more is asked of it.
 *
 * @param reason the error
 */
record Undefined(String reason) {
  static Undefined name(String name) {
    return new Undefined("'" + name + "' is undefined");
  }

  TemplateException error() {
    return new TemplateException(reason);
  }
}
