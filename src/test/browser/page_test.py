"""The page in headless Chromium, against a running server.

    pip install -r src/test/clients/requirements.txt      # and a Chromium: CHROMIUM, or chromium in the PATH
    python -m unittest discover -s src/test/browser -p '*_test.py'
"""

import os
import pathlib
import re
import shutil
import sys
import unittest

from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "clients"))
from running_server import RunningServer  # noqa: E402

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
QUESTION = "What is the capital of France?"
PATIENCE = 180_000  # milliseconds: a machine may stop for a while

MARKDOWN = r"""# Title
Some **bold**, *slanted*, snake_case_name, `x < y` and [a link](https://example.org/a_(b)).

1. One
   - inner
2. Two

| a | b |
|---|--:|
| 1 | <img src=x onerror="window.hacked=1"> |

```java
if (a < b) {}
```
<script>window.hacked=1</script> [bad](javascript:window.hacked=1) ![picture](https://example.org/p.png)"""


@unittest.skipUnless(CHROMIUM, "there is no Chromium")
class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = RunningServer("--budget", "300", "--api-key", "s3cret")
        cls.playwright = sync_playwright().start()
        cls.browser = cls.playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        expect.set_options(timeout=PATIENCE)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()
        cls.server.close()

    def open(self, **options):
        """A browser that has never been here, with the key given; the page must complain of nothing."""
        self.context = self.browser.new_context(**{"viewport": {"width": 1100, "height": 800}} | options)
        self.addCleanup(self.context.close)
        self.context.set_default_timeout(PATIENCE)
        page = self.context.new_page()
        self.problems = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: message.type == "error" and "401" not in message.text
                and self.problems.append(message.text))
        page.on("request", lambda request: request.url.startswith(self.server.url)
                or request.url.startswith("data:") or self.problems.append(request.url))
        page.goto(self.server.url)
        page.get_by_label("API key of the server").fill("s3cret")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Model")).to_be_enabled()
        return page

    def tearDown(self):
        self.assertEqual(self.problems, [])

    def ask(self, page, text):
        page.get_by_label("Message", exact=True).fill(text)
        page.keyboard.press("Enter")

    def done(self, page):
        expect(page.get_by_role("button", name="Send")).to_be_visible()

    def test_a_conversation(self):
        page = self.open()
        self.ask(page, QUESTION)
        self.done(page)
        expect(page.locator(".assistant .content")).to_contain_text("Paris")
        expect(page.locator("#live")).to_contain_text("Paris")
        expect(page.locator("#memory-text")).to_contain_text("kept")
        page.keyboard.press("Alt+r")
        self.done(page)
        expect(page.locator(".assistant")).to_have_count(1)
        page.keyboard.press("ArrowUp")
        expect(page.get_by_label("Message", exact=True)).to_have_value(QUESTION)
        self.ask(page, "What is the capital of Germany?")
        self.done(page)
        expect(page.locator(".user .content")).to_have_text("What is the capital of Germany?")
        page.reload()
        expect(page.locator(".user .content")).to_have_text("What is the capital of Germany?")
        page.keyboard.press("Alt+n")
        expect(page.locator("#messages > li")).to_have_count(0)
        expect(page.locator("#chats li")).to_have_count(2)
        page.keyboard.press("Alt+ArrowDown")
        expect(page.locator(".user .content")).to_have_text("What is the capital of Germany?")
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Delete What is").click()
        expect(page.locator("#chats li")).to_have_count(1)

    def test_stop_and_the_memory(self):
        page = self.open()
        self.ask(page, "Repeat this: " + "all work and no play makes Jack a dull boy, " * 40)
        expect(page.locator(".assistant .content")).not_to_be_empty()
        page.keyboard.press("Escape")
        self.done(page)
        expect(page.locator(".assistant .foot")).to_contain_text("stopped")
        page.get_by_role("button", name="Settings").click()
        page.get_by_label("Most tokens").fill("5")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Again").click()
        self.done(page)
        expect(page.locator(".assistant .foot")).to_contain_text("cut off")
        expect(page.locator("#memory-text")).to_contain_text(re.compile("in the store|folded into"))
        page.locator("#memory summary").click()
        expect(page.locator("#columns > div")).to_have_count(1)
        page.evaluate("""() => {
          current.messages.at(-1).calidrop = {cache: {seen: 1000, kept: 300, stored: 500, folded_rows: 128, bytes: 2e6}};
          draw();
        }""")
        expect(page.locator("#memory-text")).to_have_text(
            "300 kept \u00b7 500 in the store \u00b7 200 folded into 128 rows \u00b7 2.0 MB")
        page.wait_for_function("""() => {
          const widths = [...document.querySelectorAll('#bar i')].map(part => part.offsetWidth); // they move there
          return Math.abs(widths[1] / widths.reduce((a, b) => a + b) - 0.5) < 0.05;
        }""")

    def test_the_memory_is_drawn_while_the_answer_comes(self):
        page = self.open()
        page.get_by_role("button", name="Settings").click()
        page.get_by_label("Policy").select_option("kvzip")
        page.get_by_label("Store").select_option("auto")
        page.get_by_label("Recall (rows)").fill("20")
        page.keyboard.press("Escape")
        self.ask(page, "Repeat this: " + "all work and no play makes Jack a dull boy, " * 40)
        expect(page.locator("#memory-text")).to_contain_text("in the store")
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        early = page.evaluate("current.messages.at(-1).calidrop")
        self.assertEqual(list(early), ["cache"])
        page.locator("#memory summary").click()
        expect(page.locator("#figures")).to_contain_text("bytes")
        expect(page.locator("#figures")).not_to_contain_text("seed")
        page.wait_for_function("seen => current.messages.at(-1).calidrop.cache.seen > seen", arg=early["cache"]["seen"])
        page.keyboard.press("Escape")
        self.done(page)
        expect(page.locator("#memory-text")).to_contain_text("in the store")

    def test_a_wrong_key_is_asked_for_again(self):
        page = self.open()
        page.evaluate("sessionStorage.setItem('calidrop.key', 'other')")
        self.ask(page, QUESTION)
        expect(page.get_by_label("API key of the server")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator(".assistant .error")).to_contain_text("the server wants its key")

    def test_markdown_is_drawn_and_nothing_in_it_runs(self):
        page = self.open()
        page.evaluate("text => { current.messages.push({role: 'assistant', content: text}); draw(); }", MARKDOWN)
        content = page.locator(".assistant .content")
        for selector, text in {"h1": "Title", "strong": "bold", "em": "slanted", "p code": "x < y", "ol > li > ul > li": "inner",
                               "td >> nth=1": '<img src=x onerror="window.hacked=1">', "pre code": "if (a < b) {}"}.items():
            expect(content.locator(selector)).to_have_text(text)
        self.assertEqual(content.locator("a").evaluate_all("all => all.map(a => a.href)"),
                         ["https://example.org/a_(b)", "https://example.org/p.png"])
        expect(content.locator("img, script")).to_have_count(0)
        expect(content).to_contain_text("snake_case_name")
        self.assertIsNone(page.evaluate("window.hacked ?? null"))

    def test_a_phone(self):
        page = self.open(viewport={"width": 360, "height": 700}, has_touch=True, is_mobile=True, color_scheme="dark")
        page.evaluate("text => { current.messages.push({role: 'assistant', content: text}); draw(); }",
                      MARKDOWN + "\n\n" + "x" * 400)
        self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), 360)
        expect(page.locator("#new")).to_be_hidden()
        page.get_by_role("button", name="Conversations").tap()
        expect(page.locator("#new")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#new")).to_be_hidden()


if __name__ == "__main__":
    unittest.main()
