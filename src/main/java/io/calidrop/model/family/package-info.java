/**
 * What the families of transformers are made of, a file each: everything that loading, checking,
 * warming up, writing random models and the forward pass need to know of a family. A new family of
 * known parts is one more file here and one line in {@link io.calidrop.model.family.Families}.
 */
package io.calidrop.model.family;
