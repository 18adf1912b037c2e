"""Writes the golden vectors of WeightFormatGoldenTest: random blocks of every weight format and what
the gguf package, an implementation independent of ours, dequantises them to.

Run from the project root; the output is deterministic:

    pip install gguf==0.19.0 numpy
    python3 src/test/reference/golden_formats.py

A file holds, little-endian: the number of elements as an int32, the blocks as in a GGUF tensor, the
elements as float32.
"""

import pathlib

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf.quants import dequantize

OUT = pathlib.Path("src/test/resources/io/calidrop/tensor/golden")

# Byte offsets of the half-precision scales in a block.
SCALES = {
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q2_K: [80, 82],
    Type.Q3_K: [108],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
    Type.IQ4_NL: [0],
    Type.IQ4_XS: [0],
}

# Zeros, the smallest and largest subnormals, the smallest normal, one, the largest number.
SPECIAL_HALVES = np.array(
    [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF],
    dtype="<u2",
)


def quantised(kind, rng):
    elements, size = GGML_QUANT_SIZES[kind]
    count = 10 if elements == 256 else 32
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    blocks[0] = 0x00  # every quant and scale at one end of its range, then at the other
    blocks[1] = 0xFF
    blocks[2] = 0x80
    blocks[3] = 0x7F
    for block in range(count):
        for offset in SCALES[kind]:
            if block % 2 == 1 and block > 3:
                half = rng.choice(SPECIAL_HALVES)
            else:
                half = np.array(rng.normal() * 0.05, dtype="<f2").view("<u2")
            blocks[block, offset : offset + 2] = np.array([half], dtype="<u2").view(np.uint8)
    return blocks.reshape(-1)


def halves(rng):
    normal = (rng.normal(size=200) * 0.1).astype("<f2").view("<u2")
    subnormal = rng.integers(1, 0x400, 40).astype("<u2")
    return np.concatenate([SPECIAL_HALVES, np.array([0x7C00, 0xFC00], "<u2"), normal, subnormal])


def floats(kind, rng):
    if kind == Type.F16:
        return halves(rng).view(np.uint8)
    if kind == Type.BF16:
        values = rng.integers(0, 0x7F80, 250).astype("<u2") | rng.choice([0, 0x8000], 250).astype("<u2")
        return np.concatenate([values, np.array([0, 0x8000, 1, 0x7F7F, 0x7F80], "<u2")]).view(np.uint8)
    values = rng.integers(0, 0x7F800000, 250).astype("<u4")
    return np.concatenate([values, np.array([0x80000000, 1, 0x7F7FFFFF], "<u4")]).view(np.uint8)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for kind in [Type.F32, Type.F16, Type.BF16, *SCALES]:
        rng = np.random.default_rng(int(kind) + 1)
        data = quantised(kind, rng) if kind in SCALES else floats(kind, rng)
        typed = {Type.F32: "<f4", Type.F16: "<f2"}.get(kind)
        values = dequantize(data.view(typed) if typed else data, kind).astype("<f4").reshape(-1)
        header = np.array([values.size], dtype="<i4")
        (OUT / f"{kind.name}.bin").write_bytes(header.tobytes() + data.tobytes() + values.tobytes())


if __name__ == "__main__":
    main()
