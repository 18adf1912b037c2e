package io.calidrop.constraint;

/** A part of a grammar. */
sealed interface Symbol permits Rule, Text {}
