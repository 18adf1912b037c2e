"""Many clients that stream from a running server of OpenAI's API, each one answer after another.

    ./run.sh serve --parallel 32 --budget 1024
    python src/test/clients/load.py --clients 32 --seconds 600 --pid "$(pgrep -f 'calidrop.jar serve')"

A line each minute says how many answers and errors there were, tokens per second and, with --pid, the resident set of
that process; at the end come the times to the first token and between tokens of the whole run. Another server is
given by --url. Exits 1 if there was an error.

    --prompt-tokens 8000   conversations that begin with so long a text, another for each
    --batch FILE           asks nothing: writes what the clients would ask first, for `./run.sh batch --in FILE`
"""

import argparse
import http.client
import json
import pathlib
import random
import re
import statistics
import sys
import threading
import time
import urllib.parse

QUESTIONS = ["Tell me a story about the sea.", "How does a bicycle stay upright?", "Describe a village in winter.",
             "What should one know of the Romans?", "Explain how bread is made.", "Write a letter to an old friend."]
WORDS = ("time year people way day man thing woman life child world school state family student group country problem "
         "hand part place case week company system program question work government number night point home water room "
         "mother area money story fact month lot right study book eye job word business issue side kind head house").split()
TRIAL_WORDS = 400


def url_of(text):
    url = urllib.parse.urlsplit(text)
    if url.scheme != "http" or not url.netloc:
        raise argparse.ArgumentTypeError("such as http://127.0.0.1:8080")
    return url


class Prompts:
    """What clients ask: no two texts begin alike, or a server would compute the beginning only once."""

    def __init__(self, options):
        self.options = options
        self.words = 0

    def measure(self, tokens_of):
        """Finds out how many words make the tokens that are asked for."""
        if self.options.prompt_tokens:
            self.words = TRIAL_WORDS
            trial = tokens_of(self.messages(-1, 0, []))
            self.words = 0
            empty = tokens_of(self.messages(-1, 0, []))
            self.words = int((self.options.prompt_tokens - empty) * TRIAL_WORDS / (trial - empty))

    def messages(self, client, turn, before):
        """A conversation with another question; it begins anew after some turns."""
        messages = [] if turn % self.options.turns == 0 else before
        text = f"{client + 1}.{turn + 1}: "
        if not messages and self.words:
            text += " ".join(random.Random(f"{client} {turn}").choices(WORDS, k=self.words)) + ". Of these words: "
        return messages + [{"role": "user", "content": text + QUESTIONS[(client + turn) % len(QUESTIONS)]}]

    def body(self, client, messages):
        return {"messages": messages, "max_tokens": self.options.max_tokens, "seed": max(client, 0),
                "temperature": self.options.temperature}


class Client(threading.Thread):
    """A user who asks, reads the whole answer, and goes on with the conversation for a few turns."""

    def __init__(self, number, prompts, options, end):
        super().__init__(daemon=True)
        self.number, self.prompts, self.options, self.end = number, prompts, options, end
        self.firsts, self.gaps, self.errors = [], [], []
        self.tokens = self.prompt_tokens = self.known_tokens = self.answers = 0

    def run(self):
        messages, turn = [], 0
        while time.monotonic() < self.end:
            messages = self.prompts.messages(self.number, turn, messages)
            turn += 1
            try:
                messages.append({"role": "assistant", "content": self.ask(messages)})
                self.answers += 1
            except Exception as error:  # whatever it is, it is what is looked for
                self.errors.append(f"{type(error).__name__}: {error}")
                turn += -turn % self.options.turns
                time.sleep(1)

    def ask(self, messages):
        body = self.prompts.body(self.number, messages) | {"stream": True, "stream_options": {"include_usage": True}}
        headers = {"Content-Type": "application/json"}
        if self.options.key:
            headers["Authorization"] = "Bearer " + self.options.key
        connection = http.client.HTTPConnection(self.options.url.netloc, timeout=self.options.timeout)
        begun = last = time.monotonic()
        text, ended = "", False
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            response = connection.getresponse()
            if response.status != 200:
                raise RuntimeError(f"{response.status} {response.read(300)}")
            for line in response:
                if line.startswith(b"data: [DONE]"):
                    ended = True
                elif line.startswith(b"data: "):
                    chunk = json.loads(line[6:])
                    if "error" in chunk:
                        raise RuntimeError(chunk["error"]["message"])
                    if chunk.get("usage"):
                        self.tokens += chunk["usage"]["completion_tokens"]
                        self.prompt_tokens += chunk["usage"]["prompt_tokens"]
                        details = chunk["usage"].get("prompt_tokens_details") or {}
                        self.known_tokens += details.get("cached_tokens") or 0
                    if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                        now = time.monotonic()
                        (self.gaps if text else self.firsts).append(now - (last if text else begun))
                        text += chunk["choices"][0]["delta"]["content"]
                        last = now
        finally:
            connection.close()
        if not ended:
            raise RuntimeError("the stream broke off")
        return text

    def tokens_of(self, messages):
        """How many tokens the server counts."""
        before, self.prompt_tokens = self.prompt_tokens, 0
        self.ask(messages)
        tokens, self.prompt_tokens = self.prompt_tokens, before
        return tokens


class Sizes:
    """The resident set of a process: all of it, and without the pages of files, such as a model's."""

    def __init__(self, pid):
        self.status = pathlib.Path(f"/proc/{pid}/status") if pid else None
        self.all = []

    def look(self):
        if self.status:
            text = self.status.read_text()
            self.all.append([int(re.search(name + r":\s+(\d+)", text).group(1)) / 1000 for name in ("VmRSS", "RssAnon")])

    def text(self):
        return "; resident {:.0f} MB, {:.0f} MB without files".format(*self.all[-1]) if self.all else ""


class Report:
    """What became of the answers so far."""

    def __init__(self, clients, sizes):
        self.clients, self.sizes, self.begun = clients, sizes, time.monotonic()
        self.last, self.told = self.begun, (0, 0, 0)

    def sums(self):
        return (sum(client.answers for client in self.clients), sum(len(client.errors) for client in self.clients),
                sum(client.tokens for client in self.clients))

    def interval(self):
        now, sums = time.monotonic(), self.sums()
        answers, errors, tokens = (after - before for before, after in zip(self.told, sums))
        print(f"{now - self.begun:5.0f} s: {answers} answers, {errors} errors, {tokens / (now - self.last):.1f} tokens/s"
              + self.sizes.text(), flush=True)
        self.last, self.told = now, sums

    def end(self):
        seconds = time.monotonic() - self.begun
        answers, errors, tokens = self.sums()
        prompts = sum(client.prompt_tokens for client in self.clients)
        known = sum(client.known_tokens for client in self.clients)
        print(f"{len(self.clients)} clients, {seconds:.0f} s: {answers} answers, {errors} errors, "
              f"{tokens / seconds:.1f} tokens/s; prompts of {prompts / max(answers, 1):.0f} tokens, "
              f"{known / max(answers, 1):.0f} of them computed before")
        quantiles("to the first token", [first for client in self.clients for first in client.firsts])
        quantiles("between tokens", [gap for client in self.clients for gap in client.gaps])
        if self.sizes.all:
            half = [size[0] for size in self.sizes.all[len(self.sizes.all) // 2:]]
            print(f"resident: {max(size[0] for size in self.sizes.all):.0f} MB at most; in the second half from "
                  f"{min(half):.0f} to {max(half):.0f} MB")
        texts = [error for client in self.clients for error in client.errors]
        for text in sorted(set(texts))[:10]:
            print(f"error: {text} ({texts.count(text)} times)")
        return errors


def quantiles(name, seconds):
    if len(seconds) > 1:
        cuts = statistics.quantiles(seconds, n=20, method="inclusive")
        print(f"{name}: median {1000 * cuts[9]:.0f} ms, 95th percentile {1000 * cuts[18]:.0f} ms, "
              f"most {1000 * max(seconds):.0f} ms")


def write_batch(options, prompts):
    with options.batch.open("x") as out:
        for turn in range(options.rounds):
            for client in range(options.clients):
                body = prompts.body(client, prompts.messages(client, turn, []))
                out.write(json.dumps({"custom_id": f"{client + 1}.{turn + 1}", "body": body}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", type=url_of, default=url_of("http://127.0.0.1:8080"))
    parser.add_argument("--key")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60, help="after which no more is asked")
    parser.add_argument("--turns", type=int, default=4, help="questions of a conversation")
    parser.add_argument("--prompt-tokens", type=int, help="of its first one")
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--timeout", type=float, default=600, help="seconds without a word from the server")
    parser.add_argument("--every", type=float, default=60, help="seconds between lines")
    parser.add_argument("--pid", type=int, help="of the server")
    parser.add_argument("--batch", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=4, help="conversations of each client in a batch")
    options = parser.parse_args()
    prompts = Prompts(options)
    one_token = argparse.Namespace(**vars(options) | {"max_tokens": 1})
    prompts.measure(Client(0, Prompts(one_token), one_token, 0).tokens_of)
    if options.batch:
        options.turns = 1  # a batch cannot ask on
        write_batch(options, prompts)
        return
    end = time.monotonic() + options.seconds
    clients = [Client(number, prompts, options, end) for number in range(options.clients)]
    sizes = Sizes(options.pid)
    report = Report(clients, sizes)
    for client in clients:
        client.start()
    while any(client.is_alive() for client in clients):
        sizes.look()
        time.sleep(min(1, options.every))
        if time.monotonic() - report.last >= options.every:
            report.interval()
    sys.exit(1 if report.end() else 0)


if __name__ == "__main__":
    main()
