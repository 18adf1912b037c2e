package io.calidrop.template;

/**
 * What a name without a value stands for: nothing when written, false, empty, and an error when
 * anything more is asked of it.
 *
 * @param reason the error
 */
record Undefined(String reason) {}
