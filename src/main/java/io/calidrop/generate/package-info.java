/** Text in, text out: the token loop, conversations, and the five-line entry point. */
package io.calidrop.generate;
