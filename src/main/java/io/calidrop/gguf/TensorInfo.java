package io.calidrop.gguf;

import java.util.List;

/**
 * One entry of a GGUF tensor directory.
 *
 * @param shape dimensions as GGUF stores them: the first is the contiguous one (a matrix's columns)
 * @param offset first byte of the data, from the start of the file
 * @param byteSize bytes of the data, already checked to lie inside the file
 */
public record TensorInfo(String name, GgmlType type, List<Long> shape, long offset, long byteSize) {

  /** Length of a row: the contiguous dimension. */
  public long columns() {
    return shape.isEmpty() ? 1 : shape.getFirst();
  }

  /** Number of rows: the product of every dimension but the first. */
  public long rows() {
    return shape.stream().skip(1).reduce(1L, Math::multiplyExact);
  }

  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }
}
