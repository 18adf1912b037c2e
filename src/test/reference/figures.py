"""Writes the references of MicroModel's files: its figures by llama.cpp, which runs them dequantised to float32.

  python figures.py DIRECTORY FIGURES OUT

DIRECTORY holds the files that MicroModel's main writes, FIGURES is figures.c compiled against llama.cpp, and OUT is
src/test/resources/io/calidrop/reference. Weights are dequantised by the gguf package, since llama.cpp itself would
round the activations for quantised ones to 8 bits.
"""

import json
import random
import subprocess
import sys
from pathlib import Path

import gguf
import numpy

TOKENIZERS = "default gpt-2 smollm starcoder refact llama-bpe qwen2 tekken deepseek-llm deepseek-coder falcon sentencepiece".split()
TEXTS = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\t\n", " \n \n", "Hello world", " Hello world",
    "Hello, y'all! How are you 😁 ?我想在apple工作1314151天～", "The capital of France is Paris.", "  The  whale ",
    "ied 4 ½ months", "Führer", "w048 7tuijk dsdfhu", "нещо на Български", "កាន់តែពិសេសអាចខលចេញ",
    "🚀 (normal) 😶‍🌫️ (multiple emojis concatenated) ✅", "'era", "it's we'll I'VE 'tis", "3", "33", "333", "3333",
    "1,234,567.89", "½ ² ③ Ⅳ ٣٤", "a\r\nb\r\n\r\nc", "a \n\n b", "!!!???...", "x=$y+<z>^~|`", "e\u0301 é \u200b\u00a0x",
    "ﬁ ß ǅ ʰ ª", "<|im_start|>user\nHi<|im_end|>", "<|im_start|> <|endoftext|>x<|im_end", "<s>a</s> <unk> <0x41>",
    "▁▁a ▁ b", "\u2581the", "\U0001f999" * 3, "AAAB ABBA", "a" * 40, " " * 20 + "a" + "\n" * 9, "\x01\x7f",
    "漢字かなカナ한글", "שלום עולם", "tab\tin\tthe middle", "“quotes” – dashes — …", "ÀÉÎ ĀĒ ĦŁ", "camelCaseWORD snake_case", "/* c++ */ for(;;){}\n",
]
LOGITS = 96  # of 384, that are kept
TOKENS = [random.Random(i).randrange(384) for i in range(96)]


def float32(source: Path, target: Path) -> None:
    """The same model with every weight as float32."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        value_type = field.types[0]
        sub_type = field.types[-1] if value_type == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), value_type, sub_type)
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    directory, figures, out = map(Path, sys.argv[1:])
    models = {}
    exact = directory / "exact"
    exact.mkdir(exist_ok=True)
    for path in sorted(directory.glob("*.gguf")):
        if path.stem not in TOKENIZERS:
            float32(path, exact / path.name)
            command = [figures, "logits", exact / path.name, *map(str, TOKENS)]
            models[path.stem] = json.loads(subprocess.check_output(command))
            del models[path.stem]["logits"][LOGITS:]
    write(out / "logits.json", {"tokens": TOKENS, "models": models})
    vocabularies = {}
    for name in TOKENIZERS:
        text = "".join(text + "\0" for text in TEXTS).encode()
        all_tokens = json.loads(subprocess.check_output([figures, "tokens", directory / (name + ".gguf")], input=text))
        plain, special = all_tokens[::2], all_tokens[1::2]
        parsed = {str(i): special[i] for i in range(len(TEXTS)) if special[i] != plain[i]}
        vocabularies[name] = {"plain": plain, "special": parsed}
    write(out / "tokens.json", {"texts": TEXTS, "vocabularies": vocabularies})


def write(path: Path, content: dict) -> None:
    """JSON with a line for each model, so that differences can be read."""
    parts = []
    for key, value in content.items():
        if isinstance(value, dict):
            lines = ",\n".join(json.dumps(k) + ": " + json.dumps(v) for k, v in value.items())
            parts.append(json.dumps(key) + ": {\n" + lines + "\n}")
        else:
            parts.append(json.dumps(key) + ": " + json.dumps(value, ensure_ascii=False))
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
