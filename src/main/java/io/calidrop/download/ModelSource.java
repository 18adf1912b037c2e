package io.calidrop.download;

import java.net.URI;
import java.net.URISyntaxException;

/**
 * Where a model comes from.
 *
 * @param fileName the name it gets in the store
 */
public record ModelSource(URI uri, String fileName) {
  /** Where {@code hf:} sources are looked up unless told otherwise. */
  public static final String HUGGING_FACE = "https://huggingface.co";

  private static final String HF = "hf:";

  /**
   * Parses a URL of a GGUF file or {@code hf:owner/repository/file.gguf}.
   *
   * @param huggingFace base URL for {@code hf:} sources
   * @throws ModelStoreException if it is neither
   */
  public static ModelSource parse(String text, String huggingFace) throws ModelStoreException {
    try {
      if (text.startsWith(HF)) {
        String[] parts = text.substring(HF.length()).split("/", 3);
        if (parts.length < 3 || parts[0].isEmpty() || parts[1].isEmpty()) {
          throw new ModelStoreException(text + " is not of the form hf:owner/repository/file.gguf");
        }
        String path = "/%s/%s/resolve/main/%s".formatted(parts[0], parts[1], parts[2]);
        URI base = new URI(huggingFace.replaceAll("/+$", ""));
        if (base.getHost() == null) {
          throw new ModelStoreException(
              "%s cannot be looked up: %s is no URL".formatted(text, huggingFace));
        }
        return named(
            new URI(base.getScheme(), base.getAuthority(), base.getPath() + path, null, null),
            text);
      }
      URI uri = new URI(text);
      boolean http = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
      if (!http || uri.getHost() == null) {
        throw new ModelStoreException(
            text + " is neither a URL nor of the form hf:owner/repository/file.gguf");
      }
      return named(uri, text);
    } catch (URISyntaxException e) {
      throw new ModelStoreException(text + " is not a valid address: " + e.getReason(), e);
    }
  }

  private static ModelSource named(URI uri, String text) throws ModelStoreException {
    String path = uri.getPath() == null ? "" : uri.getPath();
    String name = path.substring(path.lastIndexOf('/') + 1);
    if (!name.endsWith(".gguf") || name.length() == ".gguf".length()) {
      throw new ModelStoreException(text + " does not name a .gguf file");
    }
    return new ModelSource(uri, name);
  }
}
