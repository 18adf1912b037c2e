/**
 * GGUF files: metadata, tensor directory, tensor data. Nothing that a file claims is believed
 * before it was checked against the file's size.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">the specification</a>
 */
package io.calidrop.gguf;
