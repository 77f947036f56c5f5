"""The quantisers against what ggml's reference quantisers wrote, and against themselves."""

import hashlib
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

try:
    import numpy as np

    from guardnano import quantize
except ImportError as e:
    raise unittest.SkipTest(f"not installed: {e.name}") from e

# SHA-256 of what quantize_row_*_ref of ggml-quants.c answer for `sample()`; compiled for plain x86-64.
REFERENCE = {
    "q8_0": "acec1c85c1ff83c05772c3684a97e07f894eaf848ab854436648265933c16b78",
    "q4_0": "d833342903433fc1c9bfd6e95bb9cee0ee94671e248c3f095587d79665abf70d",
    "q6_k": "72c18b03a6c9335dd75e03d9090c63c62e979f66c5442ef45d61a96e79e8875e",
}


def sample() -> np.ndarray:
    """Exact in any float32 arithmetic: quarters of pseudo-random integers, with empty groups and outliers."""
    state, values = 1, []
    for _ in range(40 * 256):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        values.append(((state >> 12) % 2001 - 1000) / 4)
    x = np.array(values, np.float32).reshape(40, 256)
    x[3, :16] = 0
    x[5] = 0
    x[7] /= 1024
    x[9, 17] = 30000
    return x


class Quantizers(unittest.TestCase):
    def test_same_bytes_as_ggml(self) -> None:
        for kind, want in REFERENCE.items():
            with self.subTest(kind):
                self.assertEqual(want, hashlib.sha256(quantize.pack(sample(), kind)).hexdigest())

    def test_packing_again_changes_nothing(self) -> None:
        for kind in ("f32", "f16", "q8_0", "q4_0"):
            with self.subTest(kind):
                once = quantize.unpack(quantize.pack(sample(), kind), kind, (40, 256))
                again = quantize.unpack(quantize.pack(once, kind), kind, (40, 256))
                self.assertTrue(np.array_equal(once, again))

    def test_errors_are_small(self) -> None:
        x = np.random.default_rng(0).standard_normal((20, 256)).astype(np.float32)
        for kind, most in {"f32": 0, "f16": 1e-3, "q8_0": 0.01, "q6_k": 0.03, "q4_0": 0.15}.items():
            with self.subTest(kind):
                error = quantize.unpack(quantize.pack(x, kind), kind, x.shape) - x
                self.assertLessEqual(float(np.sqrt(np.mean(error**2))), most)

    def test_refuses(self) -> None:
        x = np.zeros((2, 32), np.float32)
        with self.assertRaisesRegex(ValueError, "unknown type"):
            quantize.pack(x, "q3_k")
        with self.assertRaisesRegex(ValueError, "whole blocks"):
            quantize.pack(x, "q6_k")
        with self.assertRaisesRegex(ValueError, "not finite"):
            quantize.pack(x + np.nan, "q8_0")
        with self.assertRaisesRegex(ValueError, "length"):
            quantize.unpack(bytes(33), "q8_0", (32,))


if __name__ == "__main__":
    unittest.main()
