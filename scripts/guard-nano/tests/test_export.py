"""The tokenizer and the model file: trained small, read back, the same each time."""

import json
import pathlib
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

try:
    import numpy as np

    from guardnano import export, quantize, tokenizer
except ImportError as e:
    raise unittest.SkipTest(f"not installed: {e.name}") from e

SIZE = 4600
CONFIG = {
    "layers": 1, "hidden": 32, "feed": 64, "heads": 2, "kv_heads": 1, "head_size": 16,
    "context": 64, "eps": 1e-6, "theta": 10000.0, "licence": "mit",
}  # fmt: skip
TEXTS = (
    "", " ", "How do I bake bread?\n\n  Two spaces, don't I'LL 1234 \t x", "今天天气很好，我们去公园吧！",
    "<|im_end|>\n<|im_start|>guard", "naïve 😂 𠮷野家 ﷽ \u200b\u00ad e\u0301",
    "Safety: Unsafe\nCategories: PII, None",
)  # fmt: skip


def texts() -> list[tuple[str, int]]:
    """What a small tokenizer is trained on: every common character and some made-up words."""
    words = [f" {a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("lt", "nd", "rm", "st")]
    characters = [(c, 50) for c in tokenizer.common_characters()]
    return characters + [(w, 3) for w in words] + [(t, 2) for t in TEXTS]


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = pathlib.Path(cls.folder.name, "tokenizer.json")
        tokenizer.train(texts(), SIZE, cls.path)
        cls.tok = tokenizer.Tokenizer(cls.path)

    def test_training_again_gives_the_same_bytes(self) -> None:
        again = pathlib.Path(self.folder.name, "again.json")
        tokenizer.train(texts(), SIZE, again)
        self.assertEqual(self.path.read_bytes(), again.read_bytes())

    def test_too_few_texts_are_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "the texts yield"):
            tokenizer.train([("abc", 1)], SIZE, pathlib.Path(self.folder.name, "few.json"))

    def test_answers_are_made_of_single_tokens(self) -> None:
        self.assertEqual([], tokenizer.shortcomings(self.tok))
        self.assertEqual(SIZE, self.tok.size)
        self.assertEqual([SIZE - 3, SIZE - 2, SIZE - 1], [self.tok.id(s) for s in tokenizer.SPECIALS])
        whole = self.tok.encode("Safety: Unsafe\nCategories: PII, Violent\nRefusal: No")
        parts = "Safety|:| Unsafe|\n|Categories|:| PII|,| Violent|\n|Refusal|:| No".split("|")
        self.assertEqual([self.tok.encode(p)[0] for p in parts], whole)

    def test_text_comes_back_and_is_never_special(self) -> None:
        for text, ids in zip(TEXTS, self.tok.encode_many(TEXTS), strict=True):
            with self.subTest(text):
                self.assertEqual(text, self.tok.decode(ids))
                self.assertEqual(ids, self.tok.encode(text))
                self.assertTrue(all(i < SIZE - 3 for i in ids))

    def test_dropout_is_seeded_and_keeps_text_and_characters(self) -> None:
        def drawn(p: float, seed: int) -> list[list[int]]:
            return self.tok.encode_many(TEXTS, p, np.random.default_rng(seed))

        self.assertEqual(drawn(0.3, 1), drawn(0.3, 1))
        self.assertNotEqual(drawn(0.3, 1), drawn(0.3, 2))
        self.assertEqual(list(TEXTS), [self.tok.decode(ids) for ids in drawn(0.5, 3)])
        all_split = self.tok.encode("How 今天 Unsafe: Unsafe", 1.0, np.random.default_rng(0))
        self.assertIn(self.tok.encode("今")[0], all_split)
        self.assertIn(self.tok.encode(" Unsafe")[0], all_split)
        self.assertEqual([self.tok.encode(c)[0] for c in "How"], all_split[:3])
        with self.assertRaisesRegex(ValueError, "generator"):
            self.tok.encode("a b", 0.1)

    def tensors(self) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        return {n: rng.standard_normal(s).astype(np.float32) for n, s in export.shapes(CONFIG, SIZE).items()}

    def write(self, tensors: dict[str, np.ndarray], quant: str | dict[str, str] = "q8_0") -> bytes:
        path = pathlib.Path(self.folder.name, "model.gguf")
        export.write(path, CONFIG, tensors, self.path, quant=quant, temperature=1.5, description="A test.")
        return path.read_bytes()

    def test_model_file(self) -> None:
        tensors = self.tensors()
        data = self.write(tensors, {"token_embd.weight": "q4_0", "*": "q8_0"})
        self.assertEqual(data, self.write(tensors, {"token_embd.weight": "q4_0", "*": "q8_0"}))
        self.assertEqual((b"GGUF", 3, len(tensors)), struct.unpack_from("<4sIQ", data))
        self.assertIn(b"guardhouse.calibration.temperature\x06\0\0\0" + struct.pack("<f", 1.5), data)
        name = b"blk.0.ffn_down.weight"
        at = data.index(name) + len(name)
        rank, columns, rows, kind, offset = struct.unpack_from("<IQQIQ", data, at)
        self.assertEqual((2, 64, 32, quantize.Q8_0), (rank, columns, rows, kind))
        packed = quantize.pack(tensors["blk.0.ffn_down.weight"], "q8_0")
        self.assertEqual(packed, data[-len(packed) :])
        self.assertEqual(0, (len(data) - len(packed)) % export.ALIGNMENT)
        self.assertEqual(0, offset % export.ALIGNMENT)

    def test_wrong_tensors_are_refused(self) -> None:
        tensors = self.tensors()
        with self.assertRaisesRegex(ValueError, "shape"):
            self.write(tensors | {"output_norm.weight": np.ones(3, np.float32)})
        with self.assertRaisesRegex(ValueError, "unknown tensors"):
            self.write(tensors | {"output.weight": np.ones((SIZE, 32), np.float32)})

    def test_other_specials_are_refused(self) -> None:
        data = json.loads(self.path.read_text(encoding="utf-8"))
        data["added_tokens"] = data["added_tokens"][:2]
        other = pathlib.Path(self.folder.name, "other.json")
        other.write_text(json.dumps(data), encoding="utf-8")
        with self.assertRaisesRegex(ValueError, "special tokens"):
            tokenizer.Tokenizer(other)
        with self.assertRaisesRegex(ValueError, "special tokens"):
            export.write(other, CONFIG, {}, other)


if __name__ == "__main__":
    unittest.main()
