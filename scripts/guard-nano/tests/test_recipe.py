"""The whole recipe with stand-ins: 200 rows, two tiny encoders of random weights, one epoch."""

import argparse
import contextlib
import dataclasses
import gzip
import io
import json
import pathlib
import random
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

try:
    import numpy as np
    import tokenizers
    import torch

    import ablate
    import recipe
    from guardnano import calibrate, encoder, kept, progress, tokenizer
    from guardnano.rows import Row
except ImportError as e:
    raise unittest.SkipTest(f"not installed: {e.name}") from e

CONFIG = recipe.Config(vocab=4600, width=32, layers=1, heads=2, kv_heads=1, head_size=16, inner=64)
PLAN = recipe.Plan(epochs=1, tokens=1200, others=64)
HAN = tokenizer.common_characters()[:300]
WORDS = {
    "en": [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("lt", "nd", "rm", "st")],
    "zh": [HAN[i] + HAN[i + 1] for i in range(0, 200, 2)],
}


class Stop(Exception):
    """Stands for a machine that is switched off."""


def sample(count: int, seed: int) -> list[dict]:
    """Rows as the data has them: prompts and responses of all severities in both languages."""
    rng, out = random.Random(seed), []
    for n in range(count):
        lang, severity = ("en", "zh")[n % 2], ("Safe", "Controversial", "Unsafe")[n % 3]
        gap, label = "，" if lang == "zh" else " ", ("dataset", "rule", "template")[n % 7 % 3]
        text = [gap.join(rng.choices(WORDS[lang], k=rng.randint(3, 30))) for _ in "ab"]
        row = {"text": text[0], "lang": lang, "severity": severity, "source": "made", "license": "CC0-1.0"}
        row |= {"categories": ["Violent"] if n % 3 else [], "label_by": label}
        if n % 5 == 0:
            row |= {"response": text[1], "prompt_severity": "Unsafe"}
        out.append(row)
    return out


def pack(seed: int) -> tuple[encoder.Encoder, tokenizers.Tokenizer]:
    """A tiny encoder that reads characters; the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        body = encoder.Encoder(1000, 32, 1, 2, 64, ("mean", "first")[seed])
    known = ["[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz", *HAN]
    model = tokenizers.models.WordLevel({w: i for i, w in enumerate(known)}, "[UNK]")
    tokens = tokenizers.Tokenizer(model)
    tokens.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex("."), "isolated")
    return body, tokens


PACKS = {"minilm": lambda: pack(0), "bge-en": lambda: pack(1), "bge-zh": lambda: pack(1)}


def mixture(texts):
    """What the small vocabulary is trained on."""
    yield from ((c, 50) for c in tokenizer.common_characters())
    yield from ((" " + w, 3) for w in WORDS["en"])
    yield from ((t, 1) for t in texts)


class Whole(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.home = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.addClassCleanup(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)  # products this small only wait for one another
        for name, count, seed in (("train", 200, 1), ("dev", 40, 2)):
            with gzip.open(cls.home / f"{name}.jsonl.gz", "wt", encoding="utf-8") as f:
                f.writelines(json.dumps(r) + "\n" for r in sample(count, seed))
        own = [Row(f"own {w}", None, "en", 0, (), "own", "twin", "CC0-1.0") for w in WORDS["en"][:10]]
        for target, name, new in (
            (recipe.rows, "load_own", lambda folder: own + [dataclasses.replace(r, lang="zh") for r in own]),
            (recipe.worldwords, "mixture", mixture),
            (recipe.worldwords, "segments", list),
            (recipe.targets.variants, "vocabularies", lambda: WORDS),
        ):
            cls.enterClassContext(mock.patch.object(target, name, new))

    def start(self, name: str, *more: str, plan=PLAN, out: io.StringIO | None = None) -> None:
        """One start of the recipe in the folder name; its log goes to out."""
        home, work, file = str(self.home), str(self.home / name), str(self.home / f"{name}.gguf")
        args = recipe.arguments(["--data", home, "--english-encoder", "-", "--chinese-encoder", "-",
                                 "--variants", "40", "--hold", "5",
                                 "--work", work, "--out", file, *more])  # fmt: skip
        made = recipe.Recipe(args, PACKS, plan, CONFIG)
        made.every = -1.0
        with contextlib.redirect_stdout(out or io.StringIO()):
            made.run()

    def stopped(self, name: str, saves: int, out: io.StringIO) -> bool:
        """Starts the recipe and stops it at the given checkpoint; whether it was stopped."""
        left = iter(range(saves))

        def save(state: dict, path: pathlib.Path) -> None:
            real(state, path)
            if next(left, None) is None:
                raise Stop

        real = kept.save
        with mock.patch.object(kept, "save", save), contextlib.suppress(Stop):
            self.start(name, out=out)
            return False
        return True

    def compare(self, name: str) -> None:
        """Each kind of change that a short training knows, on what the run name left."""
        args = argparse.Namespace(data=self.home, work=self.home / name, share=1.0, hold=5, seed=PLAN.seed, variants=40)
        bench = ablate.Bench(args, PACKS, PLAN, CONFIG)
        seen = set()
        for setting in ("recipe", "one English teacher", "no meaning", "embeddings free", "labels all believed"):
            student, fmt = bench.trained(ablate.SETTINGS[setting])
            cells = ablate.line(bench, setting, student, fmt, 0.5).split("|")
            self.assertEqual(len(cells), len(ablate.HEAD.split("|")))
            seen.add(student.embed.weight.sum().item())
        self.assertEqual(len(seen), 5)

    def test_stopping_changes_no_byte(self) -> None:
        stops, straight, log = 0, io.StringIO(), io.StringIO()
        with mock.patch.object(calibrate, "OTHER", 1.0):
            self.start("straight", out=straight)
            while self.stopped("halting", 4, log):
                stops += 1
        self.assertGreater(stops, 3)
        self.assertRegex(log.getvalue(), r"teacher goes on at step [1-9]")
        self.assertRegex(log.getvalue(), r"goes on in epoch 0, step [1-9]")
        self.assertIn("held by pattern", straight.getvalue())
        whole = (self.home / "straight.gguf").read_bytes()
        self.assertEqual(whole, (self.home / "halting.gguf").read_bytes())
        self.assertIn(b"Weights made from texts under CC0-1.0 and encoders", whole)
        self.assertFalse([p.name for p in self.home.rglob("part-*")])
        with self.subTest("other plan"), self.assertRaisesRegex(kept.Changed, "plan.soft .*, now 0.25."):
            self.start("straight", plan=dataclasses.replace(PLAN, soft=0.25))
        with self.subTest("more variants"), self.assertRaisesRegex(kept.Changed, "count .40, now 50."):
            self.start("straight", "--variants", "50")
        with self.subTest("other rows"), self.assertRaisesRegex(kept.Changed, "step tokenizer .* texts"):
            self.start("straight", "--hold", "3")
        with self.subTest("short comparisons of it"):
            self.compare("straight")
        real = kept.common()
        with self.subTest("other packages"), self.assertRaisesRegex(kept.Changed, "numpy .*, now none"):
            with mock.patch.object(kept, "common", lambda: real | {"numpy": "none"}):
                self.start("straight")
        with self.subTest("a model that says other things"):
            (self.home / "straight.gguf").unlink()
            with self.assertRaisesRegex(calibrate.Refused, "no severity get"):
                self.start("straight")
            self.assertFalse((self.home / "straight.gguf").exists())


class Parts(unittest.TestCase):
    def test_a_result_without_a_note_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as home:
            folder = kept.Folder(pathlib.Path(home), {})
            (folder / "start.npz").write_bytes(b"")
            with self.assertRaisesRegex(kept.Changed, "not what it was made from"):
                folder.claim("start", ("start.npz",), rows=[])

    def test_another_jar_is_refused(self) -> None:
        given = ["--data", "none", "--work", "none", "--out", "none"]
        given += ["--english-encoder", __file__, "--chinese-encoder", __file__]
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(recipe.main(given), 2)
        self.assertIn("is not the english jar", said.getvalue())

    def test_whose_word_counts(self) -> None:
        """The teacher says all of a variant and of a rule's label that it doubts, half of other rows, and nothing of a
        row of our own that it has wrong."""
        kinds = ("variant", "rule", "rule", "dataset", "twin", "twin")
        trainer = recipe.training.Trainer.__new__(recipe.training.Trainer)
        trainer.rows = [Row("text", None, "en", 0, (), "made", kind, "MIT") for kind in kinds]
        right, wrong = [0.9, 0.05, 0.05], [0.05, 0.05, 0.9]
        trainer.targets = recipe.Targets(np.array([wrong, wrong, right, wrong, wrong, right]))
        trainer.plan = recipe.Plan(soft=0.5)
        self.assertEqual([trainer._share(i) for i in range(len(kinds))], [1.0, 1.0, 0.5, 0.5, 0.0, 0.5])

    def test_temperature_of_all_tokens(self) -> None:
        """A reading whose logits are three times too large is cooled by three."""
        rng = np.random.default_rng(1)
        reading = calibrate.Reading.__new__(calibrate.Reading)
        logits = rng.normal(size=(4000, 8)) * 1.5
        odds = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        drawn = np.array([rng.choice(8, p=p) for p in odds])
        few = drawn < 3
        reading.states = torch.tensor(logits[few] * 3, dtype=torch.float32)
        reading.table, reading.labels = torch.eye(8), [0, 1, 2]
        self.assertLess(reading.scores().sum(1).min(), 0.9)
        # The chosen rows are the ones where a severity was meant, so the best temperature is a little lower.
        self.assertAlmostEqual(calibrate.temperature(reading, drawn[few]), 2.7, delta=0.5)

    def test_a_pattern_counts_once(self) -> None:
        texts = [f"Sale at Shop {n}: ${n} off all winter coats" for n in range(20)] + ["Good morning to you"]
        rows = [Row(t, None, "en", 0, (), "made", "template", "MIT") for t in texts]
        scores = np.array([[0.1, 0.1, 0.8]] * 20 + [[0.9, 0.05, 0.05]])
        said = progress.by_pattern(rows, scores)
        self.assertEqual((said["patterns"], said["flagged"]["safe"]), (2, 0.5))
        self.assertEqual([w[:3] for w in progress.worst(rows, scores)], [(1.0, 20, "Safe")])


if __name__ == "__main__":
    unittest.main()
