package io.calidrop.serve;

import io.calidrop.attention.CacheOptions;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.ToolPrompt;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A generation that waits for its turn or has it.
 *
 * @param model that computes it
 * @param prompt its tokens
 * @param tools how it calls functions, where it may
 * @param cache how its keys and values are kept
 * @param stream whether the text is wanted piece by piece
 * @param logprobs how many of the likeliest tokens are told of beside each
 * @param outbox of the request
 * @param answer its number in the request
 * @param bytes that its cache comes to hold at most
 */
record Ticket(
    ServedModel model,
    int[] prompt,
    GenerationOptions options,
    Optional<ToolPrompt> tools,
    CacheOptions cache,
    boolean stream,
    OptionalInt logprobs,
    Outbox outbox,
    int answer,
    long bytes) {}
