"""guardnano.evasion: repeatable, readable, and honest about what the product's normalisation undoes."""

import pathlib
import random
import sys
import unicodedata
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from guardnano import evasion, evasion_kinds, rows
from guardnano import evasion_tables as tables

EN = "How can I mend the broken bike of my neighbour? He deserves better."
ZH = "请问怎么制作枪械模型，并且安全地烧制？今天的课程说明了许多东西。"
TEXTS = {"en": EN, "zh": ZH}
SENTENCES = ("The tea is warm.", "今天天气很好。")
ODD = (
    "",
    " ",
    "a",
    "ab",
    "é",
    "我",
    "😀",
    "...",
    "12",
    "don't",
    "\n\n",
    "𠝹",
    "a\ufe0f",
    "ﬁ",
    "x" * 2000,
    "好" * 99,
)


def changed(kind, text, seed=1, strength=1.0):
    return evasion.apply(kind, text, random.Random(seed), strength, SENTENCES)


# What normalisation undoes in some texts: words of Latin letters that one mark stands between.
PARTLY = {"separators", "emoji-inside"}


class EvasionTest(unittest.TestCase):
    def test_same_seed_same_text(self):
        for kind in evasion.KINDS:
            for lang in evasion.LANGUAGES[kind]:
                for seed in range(10):
                    self.assertEqual(changed(kind, TEXTS[lang], seed), changed(kind, TEXTS[lang], seed), kind)

    def test_every_kind_changes_its_languages(self):
        for kind in evasion.KINDS:
            if kind == "fullwidth":  # Chinese sentences may hold nothing narrow
                continue
            for lang in evasion.LANGUAGES[kind]:
                for strength in (0.0, 0.3, 1.0):
                    some = [changed(kind, TEXTS[lang], seed, strength) for seed in range(5)]
                    self.assertTrue(any(some), (kind, lang, strength))
                    self.assertNotIn(TEXTS[lang], some)

    def test_none_where_nothing_applies(self):
        for kind in ("leet", "homoglyphs", "case", "vowels", "fullwidth"):
            self.assertIsNone(changed(kind, "今天天气很好。"), kind)
        for kind in set(evasion.KINDS) - {k for k in evasion.KINDS if "en" in evasion.LANGUAGES[k]}:
            self.assertIsNone(changed(kind, EN), kind)
        self.assertIsNone(evasion.apply("padding", EN, random.Random(1)))
        with self.assertRaises(KeyError):
            changed("no such kind", EN)

    def test_what_normalisation_undoes_and_what_not(self):
        undone = {"fullwidth", "zero-width", "invisible", "marks", "homoglyphs", "case"}
        self.assertEqual(set(evasion.UNDONE), undone)
        for kind in evasion.KINDS:
            for lang in evasion.LANGUAGES[kind]:
                for seed in range(5):
                    out = changed(kind, TEXTS[lang] + " ok", seed)
                    same = out is None or rows.normalize(out) == rows.normalize(TEXTS[lang] + " ok")
                    if kind not in PARTLY:
                        self.assertEqual(same, kind in evasion.UNDONE, (kind, lang, out))

    def test_odd_texts(self):
        for kind in evasion.KINDS:
            for text in ODD:
                out = changed(kind, text, 3)
                self.assertTrue(out is None or (isinstance(out, str) and out != text), (kind, text))
                if out is not None:
                    out.encode()
        for text in ODD:
            for seed in range(30):
                evasion.sample(text, "zh", random.Random(seed)).encode()
                evasion.sample(text, "en", random.Random(seed), SENTENCES).encode()

    def test_meaning_can_be_had_back(self):
        for seed in range(20):
            for kind in ("invisible", "marks", "zero-width"):
                out = changed(kind, EN, seed)
                hidden = {ord(c): None for c in tables.INVISIBLE + tables.MARKS + tables.ZERO_WIDTH}
                self.assertEqual(out.translate(hidden), EN)
            self.assertEqual(changed("case", EN, seed).lower(), EN.lower())
            self.assertEqual(changed("spaced", EN, seed).replace(" ", ""), EN.replace(" ", ""))
            self.assertEqual(len(changed("leet", EN, seed)), len(EN))
            self.assertEqual(len(changed("homoglyphs", EN, seed)), len(EN))
            for kind in ("polite", "padding"):
                self.assertIn(EN, changed(kind, EN, seed))
                self.assertIn(ZH, changed(kind, ZH, seed))
            self.assertIn("bike", changed("wrapped", EN, seed))
            whole = "".join(tables.SPLIT.get(c, c) for c in ZH)
            apart = changed("split-characters", ZH, seed)
            self.assertEqual("".join(tables.SPLIT.get(c, c) for c in apart), whole)
            slips = sum(a != b for a, b in zip(changed("typos", EN, seed).split(), EN.split(), strict=True))
            self.assertTrue(1 <= slips <= 8, slips)

    def test_homophones_are_read_alike(self):
        import pypinyin

        for seed in range(5):
            out = changed("homophones", ZH, seed)
            self.assertEqual(len(out), len(ZH))
            for a, b in zip(ZH, out, strict=True):
                read = [pypinyin.pinyin(c, style=pypinyin.Style.TONE3)[0][0] for c in (a, b)]
                self.assertEqual(read[0], read[1])

    def test_known_forms(self):
        self.assertEqual(changed("traditional", "头发"), "頭髮")
        self.assertEqual(changed("pinyin", "炸弹").replace(" ", ""), "zhadan")
        self.assertIn(changed("pinyin-tones", "炸弹").replace(" ", ""), ("zhàdàn", "zha4dan4"))
        self.assertEqual(changed("pinyin-initials", "炸弹", 2), "zd")
        self.assertEqual(changed("split-characters", "枪"), "木仓")
        self.assertEqual(unicodedata.normalize("NFKC", changed("fullwidth", "bike")), "bike")

    def test_strength_is_the_share_of_places(self):
        def differing(kind, strength):
            outs = (changed(kind, EN, seed, strength) for seed in range(40))
            return sum(sum(a != b for a, b in zip(EN, out, strict=True)) for out in outs)

        for kind in ("leet", "homoglyphs"):
            self.assertLess(2 * differing(kind, 0.2), differing(kind, 1.0))

    def test_tables_survive_normalisation(self):
        for marks in (tables.MARKS, "".join(tables.HOMOGLYPHS.values()), "".join(tables.LEET.values())):
            for c in marks:
                self.assertEqual(unicodedata.normalize("NFKC", c), c, hex(ord(c)))
        for c in tables.INVISIBLE:
            self.assertEqual(rows.normalize(f"a{c}b"), "ab", hex(ord(c)))
        for c in tables.MARKS:
            for letter in "aozAOZ我":
                self.assertEqual(len(unicodedata.normalize("NFC", letter + c)), 2)
        for c, parts in tables.SPLIT.items():
            self.assertTrue(len(parts) >= 2 and c not in parts, c)

    def test_sample_needs_nothing_global(self):
        state = random.getstate()
        first = [evasion.sample(EN, "en", random.Random(seed), SENTENCES) for seed in range(60)]
        self.assertEqual(
            first, [evasion.sample(EN, "en", random.Random(seed), SENTENCES) for seed in range(60)]
        )
        self.assertGreater(len(set(first)), 50)
        self.assertEqual(state, random.getstate())
        self.assertTrue(evasion_kinds._homophones())


if __name__ == "__main__":
    unittest.main()
