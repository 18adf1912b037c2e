package io.calidrop.download;

/** Is told how a transfer goes, by the thread that asked for it. */
@FunctionalInterface
public interface ProgressListener {
  /** A listener that does nothing. */
  ProgressListener NONE = (name, done, total) -> {};

  /**
   * @param name what is fetched
   * @param done bytes so far, those of an earlier attempt included
   * @param total bytes in all, or -1 where the server does not say
   */
  void progress(String name, long done, long total);
}
