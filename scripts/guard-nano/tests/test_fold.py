"""guardnano.fold: what the engine's Go makes of the same texts (internal/prompt/testdata/fold.json)."""

import json
import pathlib
import unittest

from guardnano.rows import normalize

PAIRS = pathlib.Path(__file__).parents[3] / "internal" / "prompt" / "testdata" / "fold.json"


class Fold(unittest.TestCase):
    def test_as_the_engine(self):
        pairs = json.loads(PAIRS.read_text(encoding="utf-8"))
        self.assertGreater(len(pairs), 200)
        for text, folded in pairs:
            self.assertEqual(normalize(text), folded, text)

    def test_stable(self):
        for _, folded in json.loads(PAIRS.read_text(encoding="utf-8")):
            self.assertEqual(normalize(folded), folded)


if __name__ == "__main__":
    unittest.main()
