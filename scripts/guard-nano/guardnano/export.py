"""Writes a model as GGUF version 3: keys, tokenizer, chat template and tensors; the same bytes each time."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from guardnano import quantize
from guardnano.tokenizer import SPECIALS

CHAT_TEMPLATE = (
    "{%- for m in messages -%}\n"
    "{{- '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' -}}\n"
    "{%- endfor -%}\n"
    "{{- '<|im_start|>guard\\n' -}}"
)
ALIGNMENT = 32
# Value types of the format (ggml/docs/gguf.md).
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
SCALAR = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}
# general.file_type (llama.h, llama_ftype) by the type of most bytes.
FILE_TYPE = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7, "q6_k": 18}
NORMAL, CONTROL = 1, 3  # token types


def write(
    path: Path | str,
    config: Mapping[str, int | float | str],
    tensors: Mapping[str, np.ndarray],
    tokenizer_path: Path | str,
    chat_template: str = CHAT_TEMPLATE,
    quant: str | Mapping[str, str] = "q8_0",
    temperature: float | None = None,
    description: str = "",
) -> None:
    """Writes the model file.

    `config` holds layers, hidden, feed, heads, kv_heads, head_size, context, eps and theta, and may hold
    name and licence. `tensors` has ggml's names and NumPy's shapes (rows first). `quant` is the type of
    all matrices, or a type by tensor name with "*" for the rest; vectors stay float32.
    Refuses (ValueError) missing or unknown tensors and wrong shapes.
    """
    words, merges = _vocabulary(tokenizer_path)
    want = shapes(config, len(words))
    if set(want) != set(tensors):
        raise ValueError(f"missing or unknown tensors: {sorted(set(want) ^ set(tensors))}")
    packed = {}
    for name, shape in want.items():
        if tensors[name].shape != shape:
            raise ValueError(f"{name} has the shape {tensors[name].shape}, not {shape}")
        kind = _kind(quant, name, shape)
        packed[name] = kind, quantize.pack(tensors[name], kind)
    keys = _keys(config, words, merges, chat_template, temperature, description, packed)
    Path(path).write_bytes(_file(keys, want, packed))


def shapes(config: Mapping[str, int | float | str], vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor, in the file's order; the output is tied to the embedding."""
    c = config
    hidden, feed, head = c["hidden"], c["feed"], c["head_size"]
    queries, keys = c["heads"] * head, c["kv_heads"] * head
    found = {"token_embd.weight": (vocabulary, hidden), "output_norm.weight": (hidden,)}
    for i in range(c["layers"]):
        layer = {
            "attn_norm": (hidden,), "ffn_norm": (hidden,),
            "attn_q": (queries, hidden), "attn_k": (keys, hidden), "attn_v": (keys, hidden),
            "attn_output": (hidden, queries), "attn_q_norm": (head,), "attn_k_norm": (head,),
            "ffn_gate": (feed, hidden), "ffn_up": (feed, hidden), "ffn_down": (hidden, feed),
        }  # fmt: skip
        found |= {f"blk.{i}.{name}.weight": shape for name, shape in layer.items()}
    return found


def _kind(quant: str | Mapping[str, str], name: str, shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return "f32"
    return quant if isinstance(quant, str) else quant.get(name, quant["*"])


def _vocabulary(path: Path | str) -> tuple[list[str], list[str]]:
    """Tokens by id and merges by rank, as the format has them; specials must be the last."""
    data = json.loads(Path(path).read_text(encoding="utf-8"))
    ids = data["model"]["vocab"] | {t["content"]: t["id"] for t in data["added_tokens"]}
    words = sorted(ids, key=ids.__getitem__)
    if tuple(words[-len(SPECIALS):]) != SPECIALS or ids[words[-1]] != len(words) - 1:
        raise ValueError("the special tokens are not the last")
    merges = [m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]]
    return words, merges


def _keys(
    config: Mapping[str, int | float | str], words: list[str], merges: list[str], chat_template: str,
    temperature: float | None, description: str, packed: Mapping[str, tuple[str, bytes]],
) -> list[tuple[str, int, object]]:  # fmt: skip
    """(key, type, value) in the file's order; arrays are (element type, list)."""
    c, last = config, len(words) - 1
    parameters, sizes = 0, dict.fromkeys(FILE_TYPE, 0)
    for kind, data in packed.values():
        values, width = quantize.BLOCK[quantize.TYPES[kind]]
        parameters += len(data) // width * values
        sizes[kind] += len(data)
    keys = [
        ("general.architecture", STRING, "qwen3"),
        ("general.name", STRING, c.get("name", "guard-nano")),
        ("general.description", STRING, description),
        ("general.license", STRING, c.get("licence", "")),
        ("general.size_label", STRING, f"{parameters / 1e6:.0f}M"),
        ("qwen3.context_length", U32, c["context"]),
        ("qwen3.embedding_length", U32, c["hidden"]),
        ("qwen3.block_count", U32, c["layers"]),
        ("qwen3.feed_forward_length", U32, c["feed"]),
        ("qwen3.attention.head_count", U32, c["heads"]),
        ("qwen3.attention.head_count_kv", U32, c["kv_heads"]),
        ("qwen3.attention.key_length", U32, c["head_size"]),
        ("qwen3.attention.value_length", U32, c["head_size"]),
        ("qwen3.attention.layer_norm_rms_epsilon", F32, c["eps"]),
        ("qwen3.rope.freq_base", F32, c["theta"]),
        ("general.file_type", U32, FILE_TYPE[max(sizes, key=sizes.__getitem__)]),
        ("general.quantization_version", U32, 2),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "qwen2"),
        ("tokenizer.ggml.tokens", ARRAY, (STRING, words)),
        ("tokenizer.ggml.token_type", ARRAY, (I32, [CONTROL if w in SPECIALS else NORMAL for w in words])),
        ("tokenizer.ggml.merges", ARRAY, (STRING, merges)),
        ("tokenizer.ggml.eos_token_id", U32, last),
        ("tokenizer.ggml.padding_token_id", U32, last - 2),
        ("tokenizer.ggml.add_bos_token", BOOL, False),
        ("tokenizer.chat_template", STRING, chat_template),
        ("guardhouse.text_normalization", STRING, "nfkc_fold"),
    ]
    if temperature is not None:
        keys.append(("guardhouse.calibration.temperature", F32, temperature))
    return [k for k in keys if k[2] != ""]


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(kind: int, value: object) -> bytes:
    if kind == STRING:
        return _string(value)
    if kind == ARRAY:
        element, items = value
        return struct.pack("<IQ", element, len(items)) + b"".join(_value(element, v) for v in items)
    return struct.pack(SCALAR[kind], value)


def _file(
    keys: list[tuple[str, int, object]], want: Mapping[str, tuple[int, ...]],
    packed: Mapping[str, tuple[str, bytes]],
) -> bytes:  # fmt: skip
    """The whole file: header, keys, table of tensors, padding, data."""
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(want), len(keys)))
    for key, kind, value in keys:
        head += _string(key) + struct.pack("<I", kind) + _value(kind, value)
    body = bytearray()
    for name, shape in want.items():
        kind, data = packed[name]
        head += _string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        head += struct.pack("<IQ", quantize.TYPES[kind], len(body))
        body += data + bytes(-len(data) % ALIGNMENT)
    return bytes(head + bytes(-len(head) % ALIGNMENT) + body)
