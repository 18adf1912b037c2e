package io.calidrop.serve;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.serve.RunningServer.Answer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** How the page is served, and that it needs nothing else. What it does is tested in a browser. */
class PageTest {
  private static RunningServer server;
  private static Answer page;

  @BeforeAll
  static void start() {
    server = ServerTest.open(Optional.of("key"), Optional.empty());
    page = server.get("/");
  }

  @AfterAll
  static void end() {
    server.close();
  }

  private static String header(Answer answer, String name) {
    return answer.response().headers().firstValue(name).orElse("");
  }

  private static String element(String name) {
    Matcher matcher =
        Pattern.compile("<%s>(.*?)</%s>".formatted(name, name), Pattern.DOTALL)
            .matcher(page.body());
    assertThat(matcher.results()).as(name).hasSize(1);
    matcher.reset().find();
    return matcher.group(1);
  }

  private static String hash(String text) throws Exception {
    byte[] digest =
        MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
  }

  @Test
  void whoHasNoKeyGetsThePageThatAsksForIt() {
    assertThat(page.status()).isEqualTo(200);
    assertThat(header(page, "content-type")).isEqualTo("text/html; charset=utf-8");
    assertThat(header(page, "x-content-type-options")).isEqualTo("nosniff");
    assertThat(server.get("/index.html").status()).isEqualTo(401);
  }

  @Test
  void browsersRunItsScriptAndNothingElse() throws Exception {
    assertThat(header(page, "content-security-policy"))
        .startsWith("default-src 'none'; connect-src 'self'; ")
        .contains("script-src " + hash(element("script")) + ";")
        .contains("style-src " + hash(element("style")) + ";")
        .contains("frame-ancestors 'none'")
        .doesNotContain("unsafe");
  }

  @Test
  void itOffersEveryPolicyAndStoreThatARequestMayName() {
    assertThat(choices("policy")).isEqualTo(EvictionPolicies.names()).contains("h2o", "kvzip");
    assertThat(choices("store")).containsExactly("none", "ram", "file", "auto");
  }

  private static List<String> choices(String name) {
    Matcher select =
        Pattern.compile("<select name=\"%s\">(.*?)</select>".formatted(name)).matcher(page.body());
    assertThat(select.find()).as(name).isTrue();
    return Pattern.compile("<option>(.*?)</option>")
        .matcher(select.group(1))
        .results()
        .map(option -> option.group(1))
        .toList();
  }

  @Test
  void browsersAskWhetherTheirsIsTheLatest() {
    String tag = header(page, "etag");
    assertThat(header(page, "cache-control")).isEqualTo("no-cache");
    assertThat(tag).matches("\"[!-~]+\"");
    for (String known : new String[] {tag, "W/" + tag, "\"other\", " + tag}) {
      Answer again = server.send(server.request("/").header("If-None-Match", known).build());
      assertThat(again.status()).as(known).isEqualTo(304);
      assertThat(again.body()).isEmpty();
      assertThat(header(again, "etag")).isEqualTo(tag);
    }
    assertThat(server.send(server.request("/").header("If-None-Match", "\"other\"").build()))
        .extracting(Answer::status)
        .isEqualTo(200);
  }

  @Test
  void itNeedsNoOtherHost() {
    assertThat(page.body()).doesNotContainPattern("(?i)(src|href)\\s*=\\s*[\"']?(https?:)?//");
    assertThat(element("style")).doesNotContain("url(").doesNotContain("@import");
    assertThat(element("script"))
        .doesNotContainPattern("https?://[a-z]")
        .doesNotContain("import(")
        .doesNotContain("innerHTML");
  }
}
