package io.calidrop.generate;

import java.util.List;

/**
 * What an answer says and which functions it calls.
 *
 * @param text before the calls
 */
public record ToolAnswer(String text, List<ToolCall> calls) {}
