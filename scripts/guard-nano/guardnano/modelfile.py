"""Students back from where training left them: a GGUF file (its blocks dequantised) or a checkpoint."""

import json
import math
import pathlib
import struct
from dataclasses import dataclass

import numpy as np
import tokenizers
import torch
from tokenizers import decoders, models
from torch import nn

from guardnano import quantize
from guardnano.export import ALIGNMENT, ARRAY, BOOL, STRING
from guardnano.model import Config, Student
from guardnano.tokenizer import SPECIALS, Tokenizer, pre_tokenizer

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", BOOL: "?", 10: "Q", 11: "q", 12: "d"}
NAMES = {code: name for name, code in quantize.TYPES.items()}


@dataclass(frozen=True)
class File:
    """What a GGUF file holds: metadata, and float32 tensors with rows first."""

    meta: dict
    tensors: dict[str, np.ndarray]

    @property
    def temperature(self) -> float:
        return self.meta.get("guardhouse.calibration.temperature", 1.0)

    @property
    def context(self) -> int:
        return self.meta["qwen3.context_length"]


class _Bytes:
    """The values of a GGUF file in their order (ggml/docs/gguf.md)."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def scalar(self, form: str):
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def value(self, kind: int):
        if kind == STRING:
            size = self.scalar("Q")
            self.at += size
            return self.data[self.at - size : self.at].decode()
        if kind == ARRAY:
            of, count = self.scalar("I"), self.scalar("Q")
            return [self.value(of) for _ in range(count)]
        return self.scalar(SCALARS[kind])


def read(path: pathlib.Path | str) -> File:
    """A GGUF file of version 3. Raises ValueError for another file, and for tensors of types that quantize.py
    does not know."""
    r = _Bytes(pathlib.Path(path).read_bytes())
    if r.data[:4] != b"GGUF" or struct.unpack_from("<I", r.data, 4)[0] != 3:
        raise ValueError(f"{path} is no GGUF file of version 3")
    r.at = 8
    count, entries = r.scalar("Q"), r.scalar("Q")
    meta = {}
    for _ in range(entries):
        key = r.value(STRING)
        meta[key] = r.value(r.scalar("I"))
    table = []
    for _ in range(count):
        name = r.value(STRING)
        shape = [r.scalar("Q") for _ in range(r.scalar("I"))]
        table.append((name, tuple(reversed(shape)), r.scalar("I"), r.scalar("Q")))
    step = meta.get("general.alignment", ALIGNMENT)
    start = r.at + -r.at % step
    tensors = {}
    for name, shape, kind, at in table:
        if kind not in NAMES:
            raise ValueError(f"{path}: {name} has the type {kind}")
        values, width = quantize.BLOCK[kind]
        size = math.prod(shape) // values * width
        tensors[name] = quantize.unpack(r.data[start + at : start + at + size], NAMES[kind], shape)
    return File(meta, tensors)


def student(file: File) -> Student:
    """The student of a file. Raises ValueError where its tensors are not a student's."""
    m = file.meta
    c = Config(
        vocab=len(m["tokenizer.ggml.tokens"]), width=m["qwen3.embedding_length"], layers=m["qwen3.block_count"],
        heads=m["qwen3.attention.head_count"], kv_heads=m["qwen3.attention.head_count_kv"],
        head_size=m["qwen3.attention.key_length"], inner=m["qwen3.feed_forward_length"],
        theta=m["qwen3.rope.freq_base"], eps=m["qwen3.attention.layer_norm_rms_epsilon"],
    )  # fmt: skip
    out = Student(c)
    places = out.tensors()  # views of the parameters: float32, and no maps
    if {k: tuple(v.shape) for k, v in places.items()} != {k: v.shape for k, v in file.tensors.items()}:
        raise ValueError("the file's tensors are not those of a student of its shape")
    for name, place in places.items():
        place.copy_(torch.from_numpy(np.array(file.tensors[name])))
    return out


def write_tokenizer(file: File, path: pathlib.Path | str) -> Tokenizer:
    """Writes the file's vocabulary as a tokenizer.json, and answers it. Raises ValueError for other specials than
    this recipe's."""
    words = file.meta["tokenizer.ggml.tokens"]
    if tuple(words[-len(SPECIALS) :]) != SPECIALS:
        raise ValueError("the special tokens are not the last")
    merges = [tuple(m.split(" ")) for m in file.meta["tokenizer.ggml.merges"]]
    bpe = tokenizers.Tokenizer(models.BPE({w: i for i, w in enumerate(words[: -len(SPECIALS)])}, merges))
    bpe.pre_tokenizer = pre_tokenizer()
    bpe.decoder = decoders.ByteLevel()
    bpe.add_special_tokens(list(SPECIALS))
    pathlib.Path(path).write_text(json.dumps(json.loads(bpe.to_str()), ensure_ascii=False), encoding="utf-8")
    return Tokenizer(path)


def restored(state: dict[str, torch.Tensor]) -> Student:
    """A student from its state_dict, with the shape that its tensors have."""
    vocab, width = state["embed.weight"].shape
    head = len(state["layers.0.q_norm.weight"])
    layers = 1 + max(int(k.split(".")[1]) for k in state if k.startswith("layers."))
    out = Student(Config(
        vocab=vocab, width=width, layers=layers, heads=len(state["layers.0.q.weight"]) // head,
        kv_heads=len(state["layers.0.k.weight"]) // head, head_size=head, inner=len(state["layers.0.gate.weight"]),
    ))  # fmt: skip
    out.known = sum(k.startswith("rows") for k in state)
    for n in range(out.known):
        out.register_buffer(f"rows{n}", state[f"rows{n}"])
        out.register_buffer(f"vectors{n}", state[f"vectors{n}"])
        out.maps.append(nn.Linear(state[f"vectors{n}"].shape[1], width, bias=False))
    out.load_state_dict(state)
    return out
