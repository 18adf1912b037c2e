package io.calidrop.cli;

import io.calidrop.tensor.VectorShape;
import picocli.CommandLine.IVersionProvider;

/** What {@code --version} prints. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    String version = Version.class.getPackage().getImplementationVersion();
    return new String[] {
      "calidrop " + (version == null ? "(development)" : version),
      "Java %s, %d-bit vectors".formatted(System.getProperty("java.version"), VectorShape.bits())
    };
  }
}
