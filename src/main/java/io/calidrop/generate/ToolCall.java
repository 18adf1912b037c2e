package io.calidrop.generate;

/**
 * A call of a function that a model asks for.
 *
 * @param id of the call, nine letters and digits
 * @param name of the function
 * @param arguments a JSON object
 */
public record ToolCall(String id, String name, String arguments) {}
