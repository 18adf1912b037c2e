package io.calidrop.template;

/** What a template can call. */
@FunctionalInterface
interface Callable {
  Object call(Run run, Arguments arguments);
}
