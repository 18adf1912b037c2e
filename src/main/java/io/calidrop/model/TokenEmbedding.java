package io.calidrop.model;

import io.calidrop.tensor.WeightFormat;
import java.lang.foreign.MemorySegment;

/**
 * The token embedding, left in the mapped file: a token needs one row of it.
 *
 * @param data [vocabulary] rows in the file's format
 */
public record TokenEmbedding(WeightFormat format, MemorySegment data, int dim) {

  /** Dequantises the row of {@code token} into {@code out[offset ..]}. */
  void row(int token, float[] out, int offset) {
    format.dequantizeRow(data, token * format.type().bytes(dim), out, offset, dim);
  }
}
