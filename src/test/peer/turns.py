"""Holds calidrop against llama.cpp's llama-bench: the same file, the two in turn.

    python3 src/test/peer/turns.py LLAMA_BENCH MODEL [--rounds 5] [-p 256] [-n 32] [-t 2] [OPTION OF bench model ...]

Prints for each test the medians of both in tokens per second, their ranges, the ratio of the medians, and the range
of what the memory read in GB/s right after our part of each round. Needs nothing but Python 3.
"""

import argparse
import json
import pathlib
import statistics
import subprocess

RUN = pathlib.Path(__file__).resolve().parents[3] / "run.sh"


def rows(command):
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def ours(args, options):
    command = [RUN, "bench", "model", "-m", args.model, "-p", args.p, "-n", args.n, "-t", args.t, "-r", "1", "--json"]
    return {row["test"]: (row["t/s"], row["read GB/s"]) for row in rows(command + options)}


def theirs(args):
    command = [args.peer, "-m", args.model, "-p", args.p, "-n", args.n, "-t", args.t, "-r", "1", "-o", "json"]
    return {
        f"pp{row['n_prompt']}" if row["n_prompt"] else f"tg{row['n_gen']}": row["avg_ts"] for row in rows(command)
    }


def summary(values):
    return f"{statistics.median(values):.4g} [{min(values):.3g}-{max(values):.3g}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", help="llama-bench")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-p", default="256", help="tokens of the prompt")
    parser.add_argument("-n", default="32", help="tokens to generate")
    parser.add_argument("-t", default="2", help="threads")
    args, options = parser.parse_known_args()
    tests = {}
    for _ in range(args.rounds):
        peer = theirs(args)
        for test, (rate, read) in ours(args, options).items():
            tests.setdefault(test, []).append((rate, peer[test], read))
    print("| test | calidrop | llama.cpp | ratio | memory, GB/s |\n|---|---|---|---|---|")
    for test, rounds in tests.items():
        mine, peers, read = zip(*rounds)
        ratio = statistics.median(mine) / statistics.median(peers)
        print(f"| {test} | {summary(mine)} | {summary(peers)} | {ratio:.2f} | {min(read):.3g}-{max(read):.3g} |")


if __name__ == "__main__":
    main()
