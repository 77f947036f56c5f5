"""adopt.py: what it refuses, what it derives, and that the tree agrees with the file that lies there."""

import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import adopt

META = {
    "general.architecture": "qwen3", "tokenizer.ggml.pre": "qwen2", "guardhouse.text_normalization": "nfkc_fold",
    "tokenizer.chat_template": "{{ messages }}", "qwen3.block_count": 6, "qwen3.attention.head_count_kv": 2,
    "qwen3.attention.key_length": 64, "qwen3.attention.value_length": 64, "qwen3.context_length": 384,
    "tokenizer.ggml.tokens": ["a", "b"], "guardhouse.calibration.temperature": 1.5,
}
TENSORS = [("token_embd.weight", (256, 2), 14), ("blk.0.attn_q.weight", (256, 256), 8), ("output_norm.weight", (256,), 0)]


def text(s: str) -> bytes:
    raw = s.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(v) -> bytes:
    if isinstance(v, str):
        return struct.pack("<I", 8) + text(v)
    if isinstance(v, list):
        return struct.pack("<IIQ", 9, 8, len(v)) + b"".join(text(s) for s in v)
    return struct.pack("<If", 6, v) if isinstance(v, float) else struct.pack("<II", 4, v)


def gguf(meta=None, tensors=None) -> bytes:
    meta, tensors = META if meta is None else meta, TENSORS if tensors is None else tensors
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(meta))
    out += b"".join(text(k) + value(v) for k, v in meta.items())
    for name, shape, kind in tensors:
        out += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", kind, 0)
    return out


class AdoptTest(unittest.TestCase):
    def test_facts(self):
        f = adopt.facts(gguf())
        self.assertEqual(f["parameters"], 256 * 2 + 256 * 256 + 256)
        self.assertEqual(f["quantisation"], "Q8_0 and Q6_K", "the type with most bytes comes first")
        self.assertEqual((f["cell"], f["context"], f["vocabulary"], f["temperature"]), (6 * 2 * 128 * 2, 384, 2, 1.5))

    def test_refuses(self):
        head = struct.pack("<4sIQQ", b"GGUF", 3, 0, 1)
        for data, why in [
            (b"", "version 3"), (b"GGUF\x02\0\0\0", "version 3"), (gguf()[:-5], "cut"),
            (gguf() + bytes(adopt.MOST), "the limit is 12,000,000"),
            (gguf(META | {"general.architecture": "llama"}), "general.architecture"),
            (gguf(META | {"tokenizer.chat_template": ""}), "chat template"),
            (gguf(tensors=[("w", (256,), 99)]), "no kernels"),
            (head + struct.pack("<Q", 1 << 60), "runs over"),
            (head + text("k") + struct.pack("<IIQ", 9, 8, 1 << 60), "runs over"),
        ]:
            with self.subTest(why=why), self.assertRaisesRegex(adopt.Refused, why):
                adopt.facts(data)

    def test_every_document_has_its_sentence(self):
        f = adopt.facts(gguf()) | {"bytes": 11_960_000, "parameters": 12_345_678}
        files = {p.name: t for p, t in adopt.wanted_files(f).items()}
        self.assertIn("(12 million parameters, 12.0 MB)", files["README.md"])
        self.assertIn("（1200 万参数，12.0 MB）", files["README.zh-CN.md"])
        self.assertIn("guard-nano 3 KiB", files["operations.md"])
        self.assertIn("12.3 M parameters, Q8_0 and Q6_K, context length 384", files["manifest.json"])

    def test_the_tree_agrees_with_its_file(self):
        self.assertEqual(adopt.check(), 0)


if __name__ == "__main__":
    unittest.main()
