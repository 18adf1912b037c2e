package io.calidrop.serve;

import io.calidrop.attention.CacheOptions;
import io.calidrop.batch.Delivery;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.ToolPrompt;
import java.util.Optional;

/**
 * A generation that waits for its turn or has it.
 *
 * @param model that computes it
 * @param prompt its tokens
 * @param tools how it calls functions, where it may
 * @param cache how its keys and values are kept
 * @param delivery how its text is wanted
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
    Delivery delivery,
    Outbox outbox,
    int answer,
    long bytes) {}
