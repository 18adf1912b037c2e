package io.calidrop;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * Says at the end of a run how many tests the default model's absence cost, and why it is absent.
 */
public final class SkippedTests implements TestExecutionListener {
  private final AtomicInteger skipped = new AtomicInteger();
  private final AtomicReference<String> reason = new AtomicReference<>();
  private TestPlan plan;

  @Override
  public void testPlanExecutionStarted(TestPlan started) {
    plan = started;
  }

  @Override
  public void executionFinished(TestIdentifier test, TestExecutionResult result) {
    String message = result.getThrowable().map(Throwable::getMessage).orElse(null);
    if (result.getStatus() == TestExecutionResult.Status.ABORTED
        && message != null
        && message.startsWith(TestData.NO_DEFAULT_MODEL)) {
      reason.set(message);
      skipped.addAndGet(tests(test));
    }
  }

  /** A class that could not begin costs all its tests, a test of many parameters at least one. */
  private int tests(TestIdentifier identifier) {
    if (identifier.isTest()) {
      return 1;
    }
    return Math.max(1, plan.getChildren(identifier).stream().mapToInt(this::tests).sum());
  }

  @Override
  public void testPlanExecutionFinished(TestPlan finished) {
    if (skipped.get() > 0) {
      System.out.printf("%d tests were skipped: %s%n", skipped.get(), reason.get());
    }
  }
}
