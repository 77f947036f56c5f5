"""The line between Safe and flagged, moved by weights alone."""

import pathlib
import sys
import unittest
from types import SimpleNamespace

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

try:
    import numpy as np
    import torch

    from guardnano import lean
    from guardnano.model import Config, Student
except ImportError as e:
    raise unittest.SkipTest(f"not installed: {e.name}") from e


class Lean(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        self.student = Student(Config(vocab=40, width=16, layers=1, heads=2, kv_heads=1, head_size=8, inner=32))
        self.labels = [3, 5, 7]
        self.states = 0.3 * torch.randn(400, 16) + torch.linspace(-1, 1, 16)
        self.truth = np.arange(400) % 3

    def reading(self):
        return SimpleNamespace(states=self.states, table=self.student.table().detach(), labels=self.labels)

    def flagged(self):
        logits = (self.states @ self.student.table()[self.labels].T).detach().numpy()
        return float((logits.argmax(1) > 0)[self.truth == 2].mean())

    def test_a_direction_is_near_one_everywhere(self):
        along = self.states @ lean.direction(self.states)
        self.assertAlmostEqual(along.mean().item(), 1, delta=0.05)
        self.assertLess(along.std().item(), 0.2)

    def test_the_wanted_share_is_flagged_and_hardly_more(self):
        for wanted in (0.3, 0.6, 0.9):
            u = lean.direction(self.states)
            bias = lean.smallest(self.reading(), u, self.truth, wanted)
            lean.shift(self.student, self.labels, u, bias)
            self.assertGreaterEqual(self.flagged(), wanted - 0.01)
            self.assertLess(self.flagged(), wanted + 0.12)

    def test_other_words_stay(self):
        before = self.student.table().detach().clone()
        lean.shift(self.student, self.labels, torch.ones(16), 0.5)
        after, kept = self.student.table().detach(), torch.ones(40, dtype=torch.bool)
        kept[[5, 7]] = False
        self.assertTrue(torch.equal(before[kept], after[kept]))
        self.assertTrue(torch.allclose(after[5], before[5] + 0.5))


if __name__ == "__main__":
    unittest.main()
