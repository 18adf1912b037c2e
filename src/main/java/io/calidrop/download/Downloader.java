package io.calidrop.download;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Fetches a file by HTTP. The bytes go to {@code NAME.part}, which an interrupted download leaves
 * behind and the next one resumes; only a complete and verified file gets its own name.
 */
final class Downloader {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(30);

  private final Network network;
  private final HttpClient client;

  public Downloader(Network network) {
    this.network = network;
    client =
        HttpClient.newBuilder()
            .followRedirects(HttpClient.Redirect.NORMAL)
            .connectTimeout(CONNECT_TIMEOUT)
            .proxy(network.proxies().selector())
            .build();
  }

  /**
   * Downloads {@code uri} to {@code target}, replacing it. One process at a time does: another one
   * is refused.
   *
   * @param token bearer token, or null
   * @param sha256 expected checksum in hex, or null to take the file as it comes
   * @throws ModelStoreException with one line for the user
   */
  public void download(URI uri, Path target, String token, String sha256, ProgressListener listener)
      throws IOException {
    Files.createDirectories(target.toAbsolutePath().getParent());
    FileClaim claim = FileClaim.of(target, false);
    try {
      downloadClaimed(uri, target, token, sha256, listener);
    } finally {
      claim.close();
    }
  }

  private void downloadClaimed(
      URI uri, Path target, String token, String sha256, ProgressListener listener)
      throws IOException {
    Path part = target.resolveSibling(target.getFileName() + ".part");
    Path tag = target.resolveSibling(target.getFileName() + ".part.etag");
    long have = Files.exists(part) && Files.exists(tag) ? Files.size(part) : 0;
    String etag = have > 0 ? Files.readString(tag) : null;
    HttpResponse<InputStream> response = request(uri, token, have, etag);
    try (InputStream body = response.body()) {
      boolean resumed = response.statusCode() == 206;
      if (response.statusCode() == 416) { // the whole file was there already, or it has shrunk
        Files.delete(part);
        throw new ModelStoreException(
            "the server refused to resume " + uri + "; the partial file was deleted, try again");
      }
      if (!resumed) {
        requireOk(uri, response.statusCode());
      }
      Optional<String> newTag = response.headers().firstValue("etag");
      if (resumed) {
        requireRange(uri, response, have);
        if (newTag.isPresent() && !newTag.get().equals(etag)) {
          Files.delete(part);
          throw new ModelStoreException(
              uri
                  + " has changed since the download began; the partial file was deleted, try again");
        }
      }
      if (newTag.isPresent()) {
        Files.writeString(tag, newTag.get());
      } else {
        Files.deleteIfExists(tag);
      }
      long start = resumed ? have : 0;
      long total = total(response, start);
      long received = save(body, part, start, total, target.getFileName().toString(), listener);
      requireComplete(target.getFileName().toString(), received, total);
    }
    Files.deleteIfExists(tag); // there is nothing left to resume
    requireGguf(part, uri);
    if (sha256 != null) {
      Checksum.require(part, sha256);
    }
    Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Downloads a file of any kind to a new file, without resuming. */
  void fetch(URI uri, Path target, ProgressListener listener) throws IOException {
    HttpResponse<InputStream> response = request(uri, null, 0, null);
    try (InputStream body = response.body()) {
      requireOk(uri, response.statusCode());
      long total = response.headers().firstValueAsLong("content-length").orElse(-1);
      long received = save(body, target, 0, total, target.getFileName().toString(), listener);
      requireComplete(target.getFileName().toString(), received, total);
    }
  }

  /** The text of a small document. */
  String text(URI uri) throws IOException {
    HttpResponse<InputStream> response = request(uri, null, 0, null);
    try (InputStream body = response.body()) {
      requireOk(uri, response.statusCode());
      ByteArrayOutputStream text = new ByteArrayOutputStream();
      byte[] buffer = new byte[1 << 16];
      for (int n = read(body, buffer); n >= 0; n = read(body, buffer)) {
        text.write(buffer, 0, n);
      }
      return text.toString(StandardCharsets.UTF_8);
    }
  }

  private HttpResponse<InputStream> request(URI uri, String token, long from, String etag)
      throws IOException {
    HttpRequest.Builder request = HttpRequest.newBuilder(uri).timeout(network.patience()).GET();
    String proxyUser = network.proxies().authorization(uri);
    if (proxyUser != null) {
      request.header("Proxy-Authorization", proxyUser);
    }
    if (token != null) {
      request.header("Authorization", "Bearer " + token);
    }
    if (from > 0 && etag != null) {
      request.header("Range", "bytes=" + from + "-").header("If-Range", etag);
    }
    try {
      return client.send(request.build(), BodyHandlers.ofInputStream());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ModelStoreException("the download of " + uri + " was interrupted", e);
    } catch (IOException e) {
      URI proxy = network.proxies().proxy(uri);
      String through =
          proxy == null
              ? ""
              : " through the proxy %s".formatted(proxy.getRawAuthority().replaceFirst(".*@", ""));
      String none = e instanceof ConnectException ? "nothing takes the connection" : e.toString();
      String why = e.getMessage() == null ? none : e.getMessage();
      throw new ModelStoreException("cannot reach %s%s: %s".formatted(uri, through, why), e);
    }
  }

  private static void requireOk(URI uri, int status) throws ModelStoreException {
    if (status != 200) {
      throw new ModelStoreException(
          "cannot fetch %s: HTTP status %d%s".formatted(uri, status, hint(status)));
    }
  }

  /** Refuses a part of the file that does not begin where the one on disk ends. */
  private static void requireRange(URI uri, HttpResponse<?> response, long have)
      throws ModelStoreException {
    String range = response.headers().firstValue("content-range").orElse("");
    if (!range.startsWith("bytes " + have + "-")) {
      throw new ModelStoreException(
          "%s sent another part of the file (%s) than was asked for".formatted(uri, range));
    }
  }

  private static void requireComplete(String name, long received, long total)
      throws ModelStoreException {
    if (total >= 0 && received < total) {
      throw cut("the connection ended", name, received, total);
    }
  }

  /** Bytes of the whole file, or -1 where the server does not say. */
  private static long total(HttpResponse<?> response, long start) {
    String range = response.headers().firstValue("content-range").orElse("");
    if (range.matches(".*/\\d{1,18}")) {
      return Long.parseLong(range.substring(range.lastIndexOf('/') + 1));
    }
    long length = response.headers().firstValueAsLong("content-length").orElse(-1);
    return length < 0 ? -1 : start + length;
  }

  private static ModelStoreException cut(String why, String name, long received, long total) {
    String of = total < 0 ? "" : " of " + total;
    return new ModelStoreException(
        "%s after %d%s bytes of %s; run the same command to resume"
            .formatted(why, received, of, name));
  }

  private static String hint(int status) {
    return switch (status) {
      case 401, 403 -> " (a gated model: set HF_TOKEN to an access token)";
      case 404 -> " (no such file: check the name)";
      default -> "";
    };
  }

  /** Reads some bytes; a server that sends none for too long has cut the connection. */
  private int read(InputStream body, byte[] buffer) throws IOException {
    FutureTask<Integer> read = new FutureTask<>(() -> body.read(buffer));
    Thread.ofVirtual().start(read);
    try {
      return read.get(network.patience().toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      body.close();
      throw new IOException("nothing came for " + network.patience().toSeconds() + " s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } catch (ExecutionException e) {
      throw new IOException("the connection ended", e.getCause());
    }
  }

  private long save(
      InputStream body, Path part, long start, long total, String name, ProgressListener listener)
      throws IOException {
    long done = start;
    byte[] buffer = new byte[1 << 16];
    StandardOpenOption mode =
        start > 0 ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING;
    try (OutputStream out =
        Files.newOutputStream(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE, mode)) {
      listener.progress(name, done, total);
      while (true) {
        int n;
        try {
          n = read(body, buffer);
        } catch (IOException e) {
          throw cut(e.getMessage(), name, done, total);
        }
        if (n < 0) {
          return done;
        }
        out.write(buffer, 0, n);
        done += n;
        listener.progress(name, done, total);
      }
    }
  }

  private static void requireGguf(Path part, URI uri) throws IOException {
    byte[] magic = new byte[4];
    try (InputStream in = Files.newInputStream(part)) {
      in.readNBytes(magic, 0, 4);
    }
    if (!"GGUF".equals(new String(magic, StandardCharsets.US_ASCII))) {
      Files.delete(part);
      throw new ModelStoreException(uri + " is no GGUF file (a web page?); nothing was kept");
    }
  }
}
