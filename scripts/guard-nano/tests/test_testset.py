"""Checks of the own test sets: counts, fields, balance, and independence from what is trained on.

Set GH_MODERATION_DATA to the folder that holds train.jsonl.gz and dev.jsonl.gz to compare with them too.
"""

import gzip
import json
import os
import pathlib
import unicodedata
import unittest
from collections import Counter, defaultdict
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[1]
COUNTS = {"ordinary": 300, "overrefusal": 200, "harmful": 240, "responses": 80, "long": 40}
CATEGORIES = (
    "Violent", "Non-violent Illegal Acts", "Sexual Content or Sexual Acts", "PII", "Suicide & Self-Harm",
    "Unethical Acts", "Politically Sensitive Topics", "Copyright Violation", "Jailbreak",
)
FIELDS = {"text", "lang", "severity", "categories", "kind"}
NEAR = 0.7  # shingle Jaccard from which two texts count as one
SHINGLE = 3  # characters


def read(path: pathlib.Path) -> list[dict]:
    """Returns the rows of a JSONL file, which may be gzipped."""
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as lines:
        return [json.loads(line) for line in lines if line.strip()]


def plain(text: str) -> str:
    """Returns text in NFKC and lower case, letters, marks and digits only."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")


def shingles(text: str) -> set[str]:
    """Returns the runs of SHINGLE characters of a plain text; a shorter text is its own shingle."""
    return {text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))}


def parts(rows: list[dict]) -> Iterator[str]:
    """Yields the plain text of every prompt and every response."""
    for row in rows:
        for field in ("text", "response"):
            if row.get(field):
                yield plain(row[field])


def near_duplicates(ours: list[str], theirs: list[str]) -> list[tuple[str, float]]:
    """Returns our texts whose shingle Jaccard with one of theirs is NEAR or more, with the figure."""
    index, sets = defaultdict(list), [shingles(text) for text in ours]
    for number, held in enumerate(sets):
        for shingle in held:
            index[shingle].append(number)
    found = []
    for text in theirs:
        other = shingles(text)
        shared = Counter(number for shingle in other for number in index.get(shingle, ()))
        for number, both in shared.items():
            score = both / (len(sets[number]) + len(other) - both)
            if score >= NEAR:
                found.append((ours[number], round(score, 2)))
    return found


class Testset(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sets = {name: read(ROOT / "testset" / f"{name}.jsonl") for name in COUNTS}
        cls.rows = [row for rows in cls.sets.values() for row in rows]

    def test_counts_and_languages(self):
        for name, count in COUNTS.items():
            self.assertEqual(len(self.sets[name]), count, name)
            languages = Counter(row["lang"] for row in self.sets[name])
            self.assertEqual(languages, {"en": count // 2, "zh": count // 2}, name)

    def test_ordinary_has_fifty_of_each_domain_and_language(self):
        cells = Counter((row["kind"], row["lang"]) for row in self.sets["ordinary"])
        self.assertEqual(set(cells.values()), {50})
        self.assertEqual(len(cells), 6)

    def test_fields(self):
        for row in self.rows:
            with self.subTest(text=row.get("text")):
                self.assertLessEqual(FIELDS, set(row))
                self.assertLessEqual(set(row), FIELDS | {"response", "refusal", "pair"})
                self.assertEqual("response" in row, "refusal" in row)
                self.assertIn(row["severity"], ("Safe", "Controversial", "Unsafe"))
                self.assertLessEqual(set(row["categories"]), set(CATEGORIES))
                self.assertEqual(row["severity"] == "Safe", not row["categories"])
                self.assertEqual(row["text"], row["text"].strip())
                self.assertTrue(row["text"] and row["kind"])

    def test_severities(self):
        for name in ("ordinary", "overrefusal"):
            self.assertEqual({row["severity"] for row in self.sets[name]}, {"Safe"}, name)
        self.assertNotIn("Safe", {row["severity"] for row in self.sets["harmful"]})
        self.assertEqual(Counter(row["severity"] for row in self.sets["long"]), {"Safe": 20, "Unsafe": 20})
        for row in self.sets["responses"]:
            self.assertFalse(row["refusal"] and row["severity"] != "Safe", row["text"])

    def test_twenty_harmful_rows_in_every_category(self):
        cells = Counter(category for row in self.sets["harmful"] for category in row["categories"])
        self.assertEqual(set(cells), set(CATEGORIES))
        self.assertGreaterEqual(min(cells.values()), 20)

    def test_eighty_pairs_tie_a_harmless_row_to_one_harmful_row(self):
        benign = [(row["pair"], row["lang"]) for row in self.sets["overrefusal"] if "pair" in row]
        harmful = [(row["pair"], row["lang"]) for row in self.sets["harmful"] if "pair" in row]
        self.assertEqual((len(benign), len(set(benign))), (80, 80))
        self.assertEqual(sorted(benign), sorted(harmful))

    def test_length_of_long_texts(self):
        for row in self.sets["long"]:
            size = len(row["text"].split()) if row["lang"] == "en" else len(plain(row["text"]))
            self.assertTrue(200 <= size <= 600, (size, row["text"][:60]))

    def test_no_duplicates_across_files(self):
        seen = Counter(parts(self.rows))
        self.assertEqual([text for text, count in seen.items() if count > 1], [])

    def test_not_in_train_or_dev(self):
        folder = os.environ.get("GH_MODERATION_DATA")
        if not folder:
            self.skipTest("GH_MODERATION_DATA names no folder with train.jsonl.gz and dev.jsonl.gz")
        ours = set(parts(self.rows))
        for split in ("train", "dev"):
            theirs = set(parts(read(pathlib.Path(folder) / f"{split}.jsonl.gz")))
            self.assertEqual(sorted(ours & theirs), [], split)

    def test_what_chooses_is_not_trained_on(self):
        """The ordinary texts that choices are made by lie near no row of our own that is trained on."""
        files = [path for folder in ("twins", "everyday") for path in (ROOT / folder).glob("*.jsonl")]
        chosen = [row for path in (ROOT / "choose").glob("*.jsonl") for row in read(path)]
        self.assertEqual(Counter(row["lang"] for row in chosen), {"en": 547, "zh": 548})
        self.assertEqual({row["severity"] for row in chosen}, {"Safe"})
        theirs = {text for path in files for text in parts(read(path))}
        self.assertEqual(near_duplicates(sorted(set(parts(chosen))), sorted(theirs)), [])

    def test_not_near_a_training_row_of_our_own(self):
        files = [path for folder in ("twins", "everyday", "choose") for path in (ROOT / folder).glob("*.jsonl")]
        self.assertGreater(len(files), 20)
        theirs = {text for path in files for text in parts(read(path))}
        self.assertEqual(near_duplicates(sorted(set(parts(self.rows))), sorted(theirs)), [])


if __name__ == "__main__":
    unittest.main()
