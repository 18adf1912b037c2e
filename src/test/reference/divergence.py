"""Writes the divergence of MicroModel's F32 file under eviction, from a float64 forward pass that shares no code.

  python divergence.py DIRECTORY/F32.gguf OUT/divergence.json

The prompt is attended whole and compressed once; each scored token sees what was kept of it and all scored tokens
before it. kl is the mean over them of sum_v p_full log(p_full / p), nats.
"""

import json
import random
import sys

import gguf
import numpy as np

PROMPT, SCORED, SINKS, WINDOW = 256, 64, 4, 32
HEADS, KV_HEADS, DIM, LAYERS, BASE = 4, 2, 64, 2, 500_000.0
CELLS = [(p, b, c) for p in ("streaming", "knorm", "keydiff", "snapkv", "h2o") for b in (64, 128) for c in ("off",)]
CELLS += [("streaming", 64, "paper"), ("knorm", 64, "paper")]

reader = gguf.GGUFReader(sys.argv[1])
W = {t.name: t.data.astype(np.float64) for t in reader.tensors}
tokens = [random.Random(1000 + i).randrange(384) for i in range(PROMPT + SCORED + 1)]


def norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight


def rotate(x, positions):
    angles = positions[:, None] * BASE ** (-np.arange(0, DIM, 2) / DIM)
    c, s = np.cos(angles)[:, None, :], np.sin(angles)[:, None, :]
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * c - odd * s, even * s + odd * c], -1).reshape(x.shape)


def kept(policy, budget, keys, shares):
    """Rows of the prompt that one KV head keeps; shares are its queries' attention, [query, row]."""
    unit = keys / np.linalg.norm(keys, axis=-1, keepdims=True)
    free = np.arange(SINKS, PROMPT - WINDOW)
    if policy == "streaming":
        scores = np.arange(PROMPT, dtype=float)
    elif policy == "knorm":
        scores = -np.linalg.norm(keys, axis=-1)
    elif policy == "keydiff":
        mean = unit.sum(0)
        scores = -unit @ (mean / np.linalg.norm(mean))
    elif policy == "h2o":
        scores = shares.sum(0)
    else:
        end = PROMPT - WINDOW
        window = shares[-WINDOW:].mean(0)[:end]
        scores = np.array([window[max(0, i - 3) : i + 4].sum() for i in range(end)])
    best = free[np.argsort(-scores[free], kind="stable")[: budget - SINKS - WINDOW]]
    return np.sort(np.concatenate([np.arange(SINKS), best, np.arange(PROMPT - WINDOW, PROMPT)]))


def forward(cell):
    """Logits of the scored tokens."""
    n = PROMPT + SCORED
    x = W["token_embd.weight"][tokens[:n]]
    positions = np.arange(n)
    causal = positions[None, :] <= positions[:, None]
    for layer in range(LAYERS):
        w = lambda name: W[f"blk.{layer}.{name}.weight"]
        h = norm(x, w("attn_norm"))
        q = rotate((h @ w("attn_q").T).reshape(n, HEADS, DIM), positions)
        k = rotate((h @ w("attn_k").T).reshape(n, KV_HEADS, DIM), positions)
        v = (h @ w("attn_v").T).reshape(n, KV_HEADS, DIM)
        out = np.empty_like(q)
        for kv in range(KV_HEADS):
            group = range(kv * HEADS // KV_HEADS, (kv + 1) * HEADS // KV_HEADS)
            scores = {g: np.where(causal, q[:, g] @ k[:, kv].T / np.sqrt(DIM), -np.inf) for g in group}
            evicted = np.zeros(n, bool)
            if cell:
                prompt = [s[:PROMPT, :PROMPT] for s in scores.values()]
                shares = sum(np.exp(s) / np.exp(s).sum(-1, keepdims=True) for s in prompt)
                evicted[:PROMPT] = True
                evicted[kept(cell[0], cell[1], k[:PROMPT, kv], shares)] = False
            for g in group:
                weights = np.exp(scores[g])
                extra_sum, extra_value = 0, 0
                if cell:
                    gone = np.exp(scores[g][PROMPT - 1]) * evicted
                    weights[PROMPT:, evicted] = 0
                    if cell[2] == "paper":  # the last query of the prompt saw this in what is evicted
                        extra_sum = np.where(positions >= PROMPT, gone.sum(), 0)[:, None]
                        extra_value = np.where(positions[:, None] >= PROMPT, gone @ v[:, kv], 0)
                out[:, g] = (weights @ v[:, kv] + extra_value) / (weights.sum(-1, keepdims=True) + extra_sum)
        x = x + out.reshape(n, -1) @ w("attn_output").T
        h = norm(x, w("ffn_norm"))
        gate = h @ w("ffn_gate").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ w("ffn_up").T)) @ w("ffn_down").T
    logits = (norm(x, W["output_norm.weight"]) @ W["token_embd.weight"].T)[PROMPT:]
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


full = forward(None)
nll = -full[np.arange(SCORED), tokens[PROMPT + 1 :]].mean()
cells = []
for cell in CELLS:
    other = forward(cell)
    kl = (np.exp(full) * (full - other)).sum(-1).mean()
    cells.append({"policy": cell[0], "budget": cell[1], "calidrop": cell[2], "kl": float(f"{kl:.5g}")})
with open(sys.argv[2], "w", encoding="utf-8") as out:
    lines = ",\n".join(json.dumps(cell) for cell in cells)
    out.write(f'{{\n"prompt": {PROMPT},\n"full_perplexity": {np.exp(nll):.4f},\n"tokens": {tokens},\n"cells": [\n{lines}\n]\n}}\n')
