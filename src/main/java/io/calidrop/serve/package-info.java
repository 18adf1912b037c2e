/** The engine for programs that speak HTTP: many users at once, in bounded memory. */
package io.calidrop.serve;
