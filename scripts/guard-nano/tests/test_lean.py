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
        self.langs = ["en", "zh"] * 1500
        self.states = 0.3 * torch.randn(3000, 16) + torch.linspace(-1, 1, 16)
        self.states[:, 8] = torch.tensor([1.0, -1.0]).repeat(1500) + 0.05 * torch.randn(3000)
        self.truth = np.arange(3000) // 2 % 3
        self.states[:, 7] += 0.4 * torch.from_numpy(self.truth - 1)
        with torch.no_grad():  # flagged is what lies above nothing along the seventh axis
            self.student.embed.weight[self.labels] = torch.outer(torch.tensor([0.0, 1.0, 0.9]), torch.eye(16)[7])

    def reading(self):
        return SimpleNamespace(states=self.states, table=self.student.table().detach(), labels=self.labels)

    def flagged(self, lang, severity):
        logits = (self.states @ self.student.table()[self.labels].T).detach().numpy()
        at = (np.array(self.langs) == lang) & (self.truth == severity)
        return float((logits.argmax(1) > 0)[at].mean())

    def test_a_direction_tells_its_language(self):
        for lang, u in lean.directions(self.states, self.langs).items():
            along, at = self.states @ u, torch.tensor([k == lang for k in self.langs])
            self.assertAlmostEqual(along[at].mean().item(), 1, delta=0.05)
            self.assertAlmostEqual(along[~at].mean().item(), 0, delta=0.05)
            self.assertLess(along.std().item(), 0.6)

    def test_one_language_moves_alone(self):
        u = lean.directions(self.states, self.langs)
        before = self.flagged("en", 1), self.flagged("zh", 1)
        lean.shift(self.student, self.labels, u, {"en": 0.4, "zh": 0.0})
        self.assertGreater(self.flagged("en", 1), before[0] + 0.1)
        self.assertAlmostEqual(self.flagged("zh", 1), before[1], delta=0.03)

    def test_the_wanted_share_is_flagged_in_both(self):
        self.states[1::2, 7] += 0.3  # Chinese texts of all kinds lie further up than English ones
        for wanted in (0.6, 0.8, 0.9):
            u = lean.directions(self.states, self.langs)
            dev = lean.Sample(self.reading(), u, self.langs, self.truth)
            biases = lean.lines(dev, wanted)
            lean.shift(self.student, self.labels, u, biases)
            shares = [self.flagged(lang, 2) for lang in ("en", "zh")]
            self.assertGreaterEqual(np.mean(shares), wanted - 0.001)
            self.assertLess(abs(shares[0] - shares[1]), lean.APART + 0.001)

    def test_lines_that_will_do_stay(self):
        """Where training has left the lines well, nothing moves."""
        self.states[:, 7] += 0.8 * torch.from_numpy(self.truth - 1)  # now far apart
        self.truth = np.where(self.truth == 1, -1, self.truth)  # nothing in between
        u = lean.directions(self.states, self.langs)
        dev = lean.Sample(self.reading(), u, self.langs, self.truth)
        self.assertEqual(lean.lines(dev, 0.9), {"en": 0, "zh": 0})

    def test_other_words_stay(self):
        before = self.student.table().detach().clone()
        lean.shift(self.student, self.labels, {"en": torch.ones(16)}, {"en": 0.5})
        after, kept = self.student.table().detach(), torch.ones(40, dtype=torch.bool)
        kept[[5, 7]] = False
        self.assertTrue(torch.equal(before[kept], after[kept]))
        self.assertTrue(torch.allclose(after[5], before[5] + 0.5))


if __name__ == "__main__":
    unittest.main()
