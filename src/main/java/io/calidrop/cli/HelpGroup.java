package io.calidrop.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The heading that help lists an option under: of one field, or of all in a class. */
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.FIELD, ElementType.TYPE})
@interface HelpGroup {
  Heading value();

  /** Whether it comes after the others of its heading. */
  boolean rare() default false;

  /** Headings in the order in which help has them. */
  enum Heading {
    /** What is the command's own. */
    OPTIONS("Options"),
    PROMPT("Prompt"),
    GENERATION("Generation"),
    SAMPLING("Sampling"),
    CACHE("Cache"),
    CALIBRATION("Calibration"),
    MACHINE("Model and machine"),
    OUTPUT("Output");

    private final String text;

    Heading(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
