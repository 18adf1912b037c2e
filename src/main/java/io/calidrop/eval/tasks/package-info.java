/** Synthetic tasks that a cache must remember a document for. */
package io.calidrop.eval.tasks;
