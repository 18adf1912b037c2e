package io.calidrop.model;

import io.calidrop.model.family.Architecture.Presence;
import java.util.List;

/**
 * A tensor that a model has.
 *
 * @param shape as GGUF stores it: a vector's length; a matrix's columns, then rows; for matrices of
 *     experts their number at last
 * @param padded whether a file may have more rows, which mean nothing
 */
public record TensorSpec(String name, List<Long> shape, Presence presence, boolean padded) {}
