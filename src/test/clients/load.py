"""Many clients that stream from a running server, each one answer after another.

    ./run.sh serve --budget 1024 --parallel 32 --queue 64
    python src/test/clients/load.py --clients 32 --seconds 600 --pid "$(pgrep -f 'calidrop.jar serve')"

Prints errors, tokens per second, the times to the first token and between tokens, and with --pid the server's resident
set as it begins, at its most and as it ends. Exits 1 if there was an error.
"""

import argparse
import http.client
import json
import pathlib
import re
import statistics
import sys
import threading
import time
import urllib.parse

QUESTIONS = ["Tell me a story about the sea.", "How does a bicycle stay upright?", "Describe a village in winter.",
             "What should one know of the Romans?", "Explain how bread is made.", "Write a letter to an old friend."]


class Client(threading.Thread):
    """A user who asks, reads the whole answer, and goes on with the conversation for a few turns."""

    def __init__(self, number, options, end):
        super().__init__(daemon=True)
        self.number, self.options, self.end = number, options, end
        self.firsts, self.gaps, self.errors = [], [], []
        self.tokens = self.answers = self.turn = 0

    def run(self):
        messages = []
        while time.monotonic() < self.end:
            if self.turn % self.options.turns == 0:
                messages = []
            messages.append({"role": "user", "content": QUESTIONS[(self.number + self.turn) % len(QUESTIONS)]})
            self.turn += 1
            try:
                messages.append({"role": "assistant", "content": self.ask(messages)})
                self.answers += 1
            except Exception as error:  # whatever it is, it is what is looked for
                self.errors.append(f"{type(error).__name__}: {error}")
                messages = []
                time.sleep(1)

    def ask(self, messages):
        body = {"messages": messages, "max_tokens": self.options.max_tokens, "seed": self.number, "stream": True,
                "stream_options": {"include_usage": True}}
        connection = http.client.HTTPConnection(self.options.url.netloc, timeout=120)
        begun = last = time.monotonic()
        text, ended = "", False
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body))
            response = connection.getresponse()
            if response.status != 200:
                raise RuntimeError(f"{response.status} {response.read(300)}")
            for line in response:
                if line == b"data: [DONE]\n":
                    ended = True
                elif line.startswith(b"data: "):
                    chunk = json.loads(line[6:])
                    if "error" in chunk:
                        raise RuntimeError(chunk["error"]["message"])
                    if chunk.get("usage"):
                        self.tokens += chunk["usage"]["completion_tokens"]
                    elif chunk["choices"][0]["delta"].get("content"):
                        now = time.monotonic()
                        (self.gaps if text else self.firsts).append(now - (last if text else begun))
                        text += chunk["choices"][0]["delta"]["content"]
                        last = now
        finally:
            connection.close()
        if not ended:
            raise RuntimeError("the stream broke off")
        return text


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1000


def quantiles(name, seconds):
    if len(seconds) > 1:
        cuts = statistics.quantiles(seconds, n=20)
        print(f"{name}: median {1000 * cuts[9]:.0f} ms, 95th percentile {1000 * cuts[18]:.0f} ms, most {1000 * max(seconds):.0f} ms")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", type=urllib.parse.urlsplit, default=urllib.parse.urlsplit("http://127.0.0.1:8080"))
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--pid", type=int)
    options = parser.parse_args()
    begun = time.monotonic()
    clients = [Client(number, options, begun + options.seconds) for number in range(options.clients)]
    sizes = []
    for client in clients:
        client.start()
    while any(client.is_alive() for client in clients):
        if options.pid:
            sizes.append(resident(options.pid))
        time.sleep(1)
    seconds = time.monotonic() - begun
    errors = [error for client in clients for error in client.errors]
    answers, tokens = sum(client.answers for client in clients), sum(client.tokens for client in clients)
    print(f"{options.clients} clients, {seconds:.0f} s: {answers} answers, {len(errors)} errors, {tokens / seconds:.1f} tokens/s")
    quantiles("to the first token", [first for client in clients for first in client.firsts])
    quantiles("between tokens", [gap for client in clients for gap in client.gaps])
    if sizes:
        third = len(sizes) // 3
        print(f"resident: {sizes[third]:.0f} MB after a third, {max(sizes):.0f} MB at most, {sizes[-1]:.0f} MB at the end")
    for error in sorted(set(errors))[:10]:
        print(f"error: {error} ({errors.count(error)} times)")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
