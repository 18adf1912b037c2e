/**
 * Weight matrices and the vector kernels that multiply by them.
 *
 * <p>Every weight format is repacked at load into tiles whose vector lanes are matrix rows. A
 * product's terms are then added in the order of the columns, one accumulator a row, in the
 * matrix-vector kernel just as in the matrix-matrix kernel: a result is bit-identical whatever
 * batch, chunk or number of threads it was computed in. For the same reason nothing here uses
 * {@code reduceLanes(ADD)} on floats, whose order is unspecified.
 */
package io.calidrop.tensor;
