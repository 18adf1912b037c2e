/** Prompts from a file, answers to a file: nothing finished is lost, nothing is done twice. */
package io.calidrop.batch;
