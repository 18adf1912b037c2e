package io.calidrop.model;

/**
 * The next tokens of a session.
 *
 * @param tokens holds them in {@code [from, to)}
 */
public record TokenRun(InferenceSession session, int[] tokens, int from, int to) {}
