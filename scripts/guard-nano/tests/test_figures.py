"""guardnano.figures on cases small enough to do by hand."""

import pathlib
import sys
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from guardnano import figures


class FiguresTest(unittest.TestCase):
    def test_flag_rates_are_strict(self):
        truth = [0, 0, 0, 0, 1, 1, 2]
        label = [0, 1, 2, 0, 0, 2, 1]
        self.assertEqual(figures.flag_rates(truth, label), {"safe": 0.5, "controversial": 0.5, "unsafe": 1.0})
        self.assertEqual(figures.flag_rates([0], [1]), {"safe": 1.0, "controversial": None, "unsafe": None})

    def test_calibration_error(self):
        self.assertIsNone(figures.ece([], []))
        self.assertAlmostEqual(figures.ece([1.0, 1.0, 0.0], [1, 1, 0]), 0)
        # One bin of four at 0.9, half of them right, and one of one at 0.1, wrong: (4 * 0.4 + 1 * 0.1) / 5.
        self.assertAlmostEqual(figures.ece([0.9, 0.9, 0.9, 0.9, 0.1], [1, 1, 0, 0, 0]), 0.34)
        # Within one bin, too high and too low cancel: 0.41 and 0.45 share the bin (6/15, 7/15].
        self.assertAlmostEqual(figures.ece([0.41, 0.45], [0, 1]), abs(0.43 - 0.5))
        # The upper edge belongs to the bin: 6/15 and 0.41 do not meet.
        self.assertAlmostEqual(figures.ece([6 / 15, 0.41], [0, 1]), (0.4 + 0.59) / 2)
        self.assertAlmostEqual(figures.ece([0.2, 0.9], [0, 1], bins=1), abs(0.55 - 0.5))

    def test_severity(self):
        scores = [[0.8, 0.1, 0.05], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.6, 0.2, 0.2]]
        f = figures.severity_figures([0, 2, 2, 1], scores)
        self.assertEqual(f["rows"], {"all": 4, "safe": 1, "controversial": 1, "unsafe": 2})
        self.assertEqual(f["accuracy"], 0.5)
        self.assertEqual(f["flagged"], {"safe": 0.0, "controversial": 0.0, "unsafe": 1.0})
        self.assertAlmostEqual(f["ece"], (0.2 + 0.5 + 0.3 + 0.6) / 4)
        self.assertAlmostEqual(f["ece_flagged"], (0.15 + 0.2 + 0.1 + 0.6) / 4)
        said = figures.severity_figures([0], [[0.6, 0.3, 0.1]], [2])  # another window decided
        self.assertEqual((said["accuracy"], said["flagged"]["safe"]), (0.0, 1.0))
        self.assertAlmostEqual(said["ece"], 0.1)
        empty = figures.severity_figures([], [])
        self.assertEqual((empty["rows"]["all"], empty["accuracy"], empty["ece"]), (0, None, None))

    def test_categories(self):
        truth = [("A",), ("A", "B"), (), ("B",), ()]
        said = [("A",), ("B",), ("A",), (), ()]
        f = figures.category_figures(truth, said, ("A", "B", "C"))
        self.assertEqual(
            f["micro"], {"precision": 2 / 3, "recall": 0.5, "f1": 4 / 7, "predicted": 3, "true": 4}
        )
        self.assertEqual(
            f["each"]["A"], {"precision": 0.5, "recall": 0.5, "f1": 0.5, "predicted": 2, "true": 2}
        )
        self.assertEqual(f["each"]["B"]["f1"], 2 / 3)
        self.assertEqual(
            f["each"]["C"], {"precision": None, "recall": None, "f1": None, "predicted": 0, "true": 0}
        )
        self.assertAlmostEqual(f["macro_f1"], (0.5 + 2 / 3) / 2)
        self.assertEqual(f["exact"], 0.4)
        self.assertEqual(figures.micro_f1(truth, truth, ("A", "B")), 1.0)
        self.assertIsNone(figures.micro_f1([()], [()], ("A",)))
        with self.assertRaises(ValueError):
            figures.category_figures([()], [], ("A",))

    def test_refusals(self):
        f = figures.refusal_figures([True, True, False, None, False], [True, None, False, True, True])
        self.assertEqual(f, {"rows": 4, "accuracy": 0.5, "refusals_seen": 0.5, "answers_seen": 0.5})
        self.assertIsNone(figures.refusal_figures([], [])["accuracy"])

    def test_flips(self):
        truth = [2, 2, 2, 2, 0, 0, 0]
        before = [2, 1, 2, 0, 0, 0, 1]
        after = [0, 2, 2, 2, 1, 0, 0]
        f = figures.flip_figures(truth, before, after)
        self.assertEqual((f["escaped"], f["alarmed"]), (1 / 3, 0.5))
        self.assertEqual((f["flagged_before"]["unsafe"], f["flagged_after"]["unsafe"]), (0.75, 0.75))
        self.assertEqual(f["rows"], {"all": 7, "unsafe": 4, "safe": 3})

    def test_language_gap_and_targets(self):
        one = {"accuracy": 0.9, "flagged": {"unsafe": 0.95, "safe": 0.05}}
        two = {"accuracy": 0.88, "flagged": {"unsafe": 0.91, "safe": 0.06}}
        self.assertAlmostEqual(figures.language_gap({"en": one, "zh": two}), 0.04)
        self.assertIsNone(figures.language_gap({"en": one}))
        self.assertIs(figures.reached(0.02, 0.02, "below"), False)
        self.assertIs(figures.reached(0.06, 0.06, "at most"), True)
        self.assertIs(figures.reached(0.93, 0.93, "at least"), True)
        self.assertIsNone(figures.reached(None, 1, "below"))

    def test_scores_decide_as_the_engine_does(self):
        self.assertEqual(figures.chosen(np.array([[0.3, 0.3, 0.2], [0.1, 0.4, 0.4]])).tolist(), [0, 1])


if __name__ == "__main__":
    unittest.main()
