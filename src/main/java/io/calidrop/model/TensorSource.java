package io.calidrop.model;

import io.calidrop.tensor.Matrix;

/**
 * Where the tensors of a model come from, or go to: {@link WeightReader} asks it for each in turn.
 * What only looks at names and shapes answers null.
 */
public interface TensorSource {
  /**
   * @return the values, or null if the model has no such tensor
   */
  float[] vector(TensorSpec tensor);

  /**
   * Some of a matrix's rows, as a matrix. Rows of experts follow one another.
   *
   * @return null if the model has no such tensor
   */
  Matrix rows(TensorSpec tensor, int from, int count);

  /** The rows of a matrix, to be read one by one. */
  TokenEmbedding embedding(TensorSpec tensor);
}
