#!/usr/bin/env python3
"""Makes a GGUF file the embedded guard-nano, and every figure in the repository that follows from its bytes true.

usage: adopt.py FILE [--dev FIGURES.json]
       adopt.py --check

Refuses a file over 12,000,000 bytes and one that is no guard of this product's kind. Copies it to
models/guard-nano.gguf and rewrites the manifest and the derived sentences of the documents; --dev also replaces
what `make check-data` expects. Then it says what is left for a person. --check changes nothing and exits 1 where
something does not follow from the file that lies there. Standard library alone.
"""

import argparse
import hashlib
import json
import math
import re
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "guard-nano.gguf"
MANIFEST = ROOT / "models" / "manifest.json"
EXPECTED = ROOT / "scripts" / "guard-nano" / "dev.json"
MOST = 12_000_000
# GGUF's scalar kinds as struct formats, by number: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
# Tensor types that the product has kernels for, and F32: name, values and bytes of a block.
TYPES = {0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 8: ("Q8_0", 32, 34), 12: ("Q4_K", 256, 144), 14: ("Q6_K", 256, 210)}
DEV = ("accuracy", "Unsafe", "Controversial", "Safe")

BY_HAND = """What is left for a person:
  make build && make screenshots       docs/images: every picture that shows a verdict, a hash or a size
  make golden                          must change nothing: the golden files hold nothing of the weights
  make test                            the tests hold for whatever weights lie there
  make check-data                      against scripts/guard-nano/dev.json (adopt.py --dev writes it)
  models/guard-nano.md                 the card, from scripts/guard-nano/evaluate.py
  docs/bench.md                        "55 tokens in the mean", "99 % of them Safe": guardhouse bench says both
  docs/benchmarks.md                   figures name their commit: add rows, or measure again (docs/bench.md)
  internal/moderation/draft.go         passIDs, from go test -run '^$' -bench Rows ./internal/inference/llamacpp
  CHANGELOG.md                         a line
  docs/adr, web/e2e, internal/examples nothing: verdicts on pages are asked of the model that runs"""


class Refused(Exception):
    """The file cannot be the embedded guard; the text says why."""


class Reader:
    """Reads GGUF's primitive values from bytes, in order."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def scalar(self, form: str):
        size = struct.calcsize("<" + form)
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += size
        return value

    def string(self) -> str:
        size = self.scalar("Q")
        if size > len(self.data) - self.at:
            raise Refused("a text of the file runs over its end")
        self.at += size
        return self.data[self.at - size : self.at].decode("utf-8")

    def value(self, kind: int):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            of, count = self.scalar("I"), self.scalar("Q")
            if count > len(self.data):
                raise Refused("a list of the file runs over its end")
            return [self.value(of) for _ in range(count)]
        if kind not in SCALARS:
            raise Refused(f"the file has a value of the unknown kind {kind}")
        return self.scalar(SCALARS[kind])


def read(data: bytes) -> tuple[dict, list]:
    """Answers the metadata, and (name, shape, type) of each tensor. Refuses what is no GGUF file of version 3."""
    r = Reader(data)
    try:
        if data[:4] != b"GGUF" or r.scalar("I") != 0x46554747 or r.scalar("I") != 3:
            raise Refused("this is no GGUF file of version 3")
        tensors, entries = r.scalar("Q"), r.scalar("Q")
        meta = {}
        for _ in range(entries):
            key = r.string()
            meta[key] = r.value(r.scalar("I"))
        found = []
        for _ in range(tensors):
            name = r.string()
            shape = [r.scalar("Q") for _ in range(r.scalar("I"))]
            found.append((name, shape, r.scalar("I")))
            r.scalar("Q")
    except (struct.error, UnicodeDecodeError) as problem:
        raise Refused(f"the file is cut or broken: {problem}") from problem
    return meta, found


def facts(data: bytes) -> dict:
    """Answers what documents and manifest say of a file. Refuses one that is not what the product embeds."""
    if len(data) > MOST:
        raise Refused(f"the file has {len(data):,} bytes; the limit is {MOST:,}")
    meta, tensors = read(data)
    wanted = {
        "general.architecture": ("qwen3",), "tokenizer.ggml.pre": ("qwen2",),
        "guardhouse.text_normalization": ("nfkc", "nfkc_fold"),
    }  # fmt: skip
    for key, want in wanted.items():
        if meta.get(key) not in want:
            raise Refused(f"{key} is {meta.get(key)!r}, not {' or '.join(want)}")
    if not meta.get("tokenizer.chat_template"):
        raise Refused("the file has no chat template")
    if unknown := {kind for _, _, kind in tensors} - TYPES.keys():
        raise Refused(f"the product has no kernels for tensors of the types {sorted(unknown)}")
    weight = {}
    for _, shape, kind in tensors:
        name, values, size = TYPES[kind]
        weight[name] = weight.get(name, 0) + math.prod(shape) // values * size
    number = {k.removeprefix("qwen3."): v for k, v in meta.items() if k.startswith("qwen3.")}
    cell = number["block_count"] * number["attention.head_count_kv"] * 2
    cell *= number["attention.key_length"] + number["attention.value_length"]
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "parameters": sum(math.prod(shape) for _, shape, _ in tensors),
        "quantisation": " and ".join(sorted((n for n in weight if n != "F32"), key=weight.get, reverse=True)) or "F32",
        "context": number["context_length"],
        "cell": cell,
        "vocabulary": len(meta["tokenizer.ggml.tokens"]),
        "temperature": meta.get("guardhouse.calibration.temperature", 1.0),
    }


def sentences(f: dict) -> list[tuple[str, str, str]]:
    """Answers (document, pattern, what it must read) for each derived figure. The pattern matches exactly once."""
    mb, millions = f"{f['bytes'] / 1e6:.1f} MB", f"{f['parameters'] / 1e6:.1f}"
    chinese = f"{round(f['parameters'] / 1e6) * 100:,} 万参数，{mb}".replace(",", "")
    cell = f"{f['cell'] / 1024:g} KiB"
    return [
        ("README.md", r"\(\d+ million parameters, [\d.]+ MB\)", f"({round(f['parameters'] / 1e6)} million parameters, {mb})"),
        ("README.zh-CN.md", r"（\d+ 万参数，[\d.]+ MB）", f"（{chinese}）"),
        ("docs/operations.md", r"guard-nano [\d.]+ KiB", f"guard-nano {cell}"),
        ("docs/adr/0009-guard-nano-is-embedded.md", r"\([\d.]+ million parameters, [\d.]+ MB,", f"({millions} million parameters, {mb},"),
        ("docs/adr/0009-guard-nano-is-embedded.md", r"The binary is [\d.]+ MB larger", f"The binary is {mb} larger"),
    ]


def manifest(f: dict) -> str:
    """Answers the manifest's text for these facts; licence and everything else stay as they are."""
    text = json.loads(MANIFEST.read_text(encoding="utf-8"))
    (entry,) = [m for m in text["models"] if m["file"] == MODEL.name]
    entry["sha256"] = f["sha256"]
    entry["description"] = re.sub(
        r"[\d.]+ M parameters, [^,]+, context length \d+",
        lambda _: f"{f['parameters'] / 1e6:.1f} M parameters, {f['quantisation']}, context length {f['context']}", entry["description"])
    return json.dumps(text, indent=2, ensure_ascii=False) + "\n"


def wanted_files(f: dict) -> dict[Path, str]:
    """Answers the text that each derived file must have. Refuses a document that no longer holds its sentence once."""
    files = {MANIFEST: manifest(f)}
    for name, pattern, say in sentences(f):
        path = ROOT / name
        before = files.get(path, path.read_text(encoding="utf-8"))
        after, times = re.subn(pattern, lambda _, say=say: say, before)
        if times != 1:
            raise Refused(f"{name}: {pattern!r} stands there {times} times; adopt.py must know where the figure is")
        files[path] = after
    return files


def check() -> int:
    stale = [p for p, text in wanted_files(facts(MODEL.read_bytes())).items() if p.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"adopt: {path.relative_to(ROOT)} is not what models/guard-nano.gguf gives; run scripts/guard-nano/adopt.py models/guard-nano.gguf", file=sys.stderr)
    return 1 if stale else 0


def adopt(source: Path, dev: Path | None) -> int:
    data = source.read_bytes()
    f = facts(data)
    files = wanted_files(f)
    if dev is not None:
        figures = json.loads(dev.read_text(encoding="utf-8"))
        if set(figures) != set(DEV) or not all(isinstance(v, float) and 0 <= v <= 1 for v in figures.values()):
            raise Refused(f"{dev.name}: wanted are shares named {', '.join(DEV)}")
        files[EXPECTED] = json.dumps({name: figures[name] for name in DEV}, indent=2) + "\n"
    if data != (MODEL.read_bytes() if MODEL.exists() else b""):
        MODEL.write_bytes(data)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    print("\n".join(f"{name:13} {value:,}" if isinstance(value, int) else f"{name:13} {value}" for name, value in f.items()))
    print(BY_HAND)
    return 0


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("file", nargs="?", type=Path)
    p.add_argument("--dev", type=Path, help="measured shares on dev, as JSON")
    p.add_argument("--check", action="store_true", help="change nothing; exit 1 where something is stale")
    o = p.parse_args()
    if o.check == (o.file is not None):
        p.error("name a file, or --check")
    try:
        return check() if o.check else adopt(o.file, o.dev)
    except (Refused, OSError) as problem:
        print(f"adopt: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
