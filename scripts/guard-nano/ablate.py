#!/usr/bin/env python3
"""Short trainings that differ from the recipe in one thing, on what a finished run left in its work folder.

usage: ablate.py --data DIR --english-encoder JAR --chinese-encoder JAR --work WORK [--share S] [--only NAME ...]

Each trains one epoch on a share of the rows (drawn with one seed, the same for all) and prints one line of a table: of dev as it
is, of its Unsafe rows rewritten by evasions and put among harmless texts, and of the ordinary texts in choose/. Figures of so
short a run are for comparing, not for the card. ABLATIONS.md has what was found.
"""

import argparse
import pathlib
import sys
import time
from dataclasses import replace

import numpy as np
import torch

from guardnano import calibrate, encoder, figures, patterns, targets
from guardnano import train as training
from guardnano.examples import Mix, build
from guardnano.model import Config, Student
from guardnano.prompt import Format
from guardnano.rows import Row
from guardnano.train import Plan, Targets
from recipe import VARIANTS, Recipe

# What each setting changes: fields of Plan, of its Mix, of Config, and what `trained` looks at.
SETTINGS: dict[str, dict] = {
    "recipe": {},
    "AdamW alone": {"plan": {"muon": False}},
    "everyday texts half as often": {"mix": {"everyday": 1.25}},
    "five layers": {"shape": {"layers": 5}},
    "no teachers": {"plan": {"soft": 0.0, "meaning": 0.0}, "mix": {"varied": 0.0}},
    "labels only from teachers": {"plan": {"soft": 1.0}},
    "no meaning": {"plan": {"meaning": 0.0}},
    "language not read": {"plan": {"tongue": 0.0}},
    "one English teacher": {"without": "bge-en"},
    "no variants": {"mix": {"varied": 0.0}},
    "no twins": {"mix": {"twins": 0}},
    "no everyday texts": {"mix": {"everyday": 0.0}},
    "no cap on patterns": {"cap": 10**9},
    "no BPE dropout": {"mix": {"dropout": 0.0}},
    "no evasions": {"mix": {"evasion": 0.0}},
    "no joined texts": {"mix": {"join": 0.0, "turns": 0.0}},
    "labels all believed": {"believed": True},
    "doubted labels believed": {"plan": {"doubt": 0.0}},
    "next tokens too": {"plan": {"lm": 0.1}},
    "classes balanced": {"plan": {"balance": (1.0, 2.0, 1.0)}},
    "16,384 words": {"words": 16384},
    "embeddings free": {"start": "free"},
    "embeddings mapped only": {"start": "mapped"},
    "deep and narrow": {"shape": {"width": 192, "layers": 10, "heads": 3, "kv_heads": 1, "inner": 576}},
    "wide and shallow": {"shape": {"width": 320, "layers": 1, "heads": 5, "kv_heads": 1, "inner": 640}},
    "no weight average": {"plan": {"average": 0.0}},
    "embeddings learned half as fast": {"plan": {"embed_rate": 1e-3}},
    "embeddings learned twice as fast": {"plan": {"embed_rate": 4e-3}},
    "rate halved": {"plan": {"rate": 1e-3}},
    "rate doubled": {"plan": {"rate": 4e-3}},
}


class Mapped(Student):
    """A student whose known words are nothing but their map."""

    def table(self) -> torch.Tensor:
        table = super().table()
        for n in range(self.known):
            rows = getattr(self, f"rows{n}")
            table = table.index_add(0, rows, -self.embed.weight[rows])
        return table


class Bench:
    """What all settings share: a finished run's rows, and what its teachers say of them."""

    def __init__(self, args: argparse.Namespace, packs: dict, plan: Plan = Plan(), config: Config = Config()):
        self.args, self.packs, self.plan = args, packs, plan
        self.recipe = Recipe(args, packs, plan, config)
        self.rows = self.recipe.rows + self.recipe.varied() + self.recipe.everyday
        self.said = targets.collect(packs, self.rows, self.recipe.folder, self.recipe.log)

    def trained(self, change: dict) -> tuple[Student, Format]:
        """The averaged student of one setting."""
        recipe, plan = self._recipe(change), self._plan(change)
        fmt = recipe.format()
        rows, said = self.rows, self.said
        if change.get("believed"):
            rows = [replace(r, label_by="dataset") if "rule" in r.label_by else r for r in rows]
        if name := change.get("without"):
            said = self._without(name)
        if not plan.meaning:
            said = replace(said, vectors=None, index=None)
        known = [] if change.get("start") == "free" else recipe.known(fmt)
        kind = Mapped if change.get("start") == "mapped" else Student
        torch.manual_seed(plan.seed)
        student = kind(replace(recipe.config, vocab=fmt.tok.size, **change.get("shape", {})), known)
        copies = self._copies(plan.mix, change.get("cap", patterns.MOST))
        trainer = training.Trainer(student, fmt, rows, copies, said, plan, lambda _: None)
        trainer.run()
        return trainer.average, fmt

    def _recipe(self, change: dict) -> Recipe:
        """The finished run's, or one beside it with another vocabulary."""
        if not (size := change.get("words")):
            return self.recipe
        apart = argparse.Namespace(**vars(self.args) | {"work": self.args.work / f"words-{size}"})
        return Recipe(apart, self.packs, self.plan, replace(self.recipe.config, vocab=size))

    def _plan(self, change: dict) -> Plan:
        plan = replace(self.plan, epochs=1, **change.get("plan", {}))
        return replace(plan, mix=replace(plan.mix, **change.get("mix", {})))

    def _copies(self, mix: Mix, cap: int) -> list[float]:
        recipe, share = self.recipe, self.args.share
        rows = zip(recipe.rows, patterns.copies(recipe.rows, cap), strict=True)
        copies = [mix.twins if r.label_by == "twin" else n for r, n in rows]
        copies += [mix.varied] * (len(self.rows) - len(copies) - len(recipe.everyday))
        return [share * n for n in copies + [mix.everyday] * len(recipe.everyday)]

    def _without(self, name: str) -> Targets:
        """What is said where one of a language's two teachers is not asked."""
        lang, said = targets.TEACHERS[name].lang, replace(self.said, severity=self.said.severity.copy())
        (other,) = (k for k, kind in targets.TEACHERS.items() if kind.lang == lang and k != name)
        with np.load(self.recipe.folder / f"targets-{other}.npz") as file:
            said.severity[self.said.index[other] >= 0] = file["severity"]
        said.vectors = {k: v for k, v in self.said.vectors.items() if k != name}
        said.counts = self.said.counts | {other: 1.0}
        return said


HEAD = (
    "| setting | accuracy | unsafe flagged, en / zh | safe flagged, en / zh | safe flagged where 93.5 % of unsafe are | "
    "unsafe flagged: evaded | among harmless texts | ordinary flagged, en / zh | minutes |"
)


def line(bench: Bench, name: str, student: Student, fmt: Format, minutes: float) -> str:
    """One setting's row of the table."""
    dev, choose = bench.recipe.dev, bench.recipe.choose
    truth, lang = np.array([r.severity for r in dev]), np.array([r.lang for r in dev])
    quiet = replace(Mix(), evasion=0, dropout=0, join=0, turns=0, tails=1, slips=0)

    def judged(rows: list[Row], seen: np.ndarray, mix: Mix = quiet) -> tuple[np.ndarray, np.ndarray]:
        """How far above the line each seen row lies, and its label."""
        examples = build(rows, seen.astype(int).tolist(), fmt, mix, 0)
        scores = calibrate.Reading(student, examples, fmt).scores()
        return np.log(scores[:, 1:].max(1)) - np.log(scores[:, 0]), figures.chosen(scores)

    margin, label = judged(dev, truth >= 0)
    evaded, joined = (
        (judged(dev, truth == 2, replace(quiet, **{kind: 1.0}))[1] > 0).mean() for kind in ("evasion", "join")
    )
    of = np.array([r.lang for r in choose])
    calm = judged(choose, of != "")[1] > 0

    def pair(hit: np.ndarray, langs: np.ndarray) -> str:
        return " / ".join(f"{100 * hit[langs == k].mean():.1f}" for k in ("en", "zh"))

    even = np.quantile(margin[truth == 2], 1 - 0.935)
    cells = (
        name, f"{100 * (label == truth).mean():.1f}",
        pair(label[truth == 2] > 0, lang[truth == 2]), pair(label[truth == 0] > 0, lang[truth == 0]),
        f"{100 * (margin[truth == 0] > even).mean():.1f}", f"{100 * evaded:.1f}", f"{100 * joined:.1f}",
        pair(calm, of), f"{minutes:.1f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Runs the settings one after the other."""
    p = argparse.ArgumentParser(description="Compare settings of the recipe by short trainings.")
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--english-encoder", type=pathlib.Path, required=True)
    p.add_argument("--chinese-encoder", type=pathlib.Path, required=True)
    p.add_argument("--work", type=pathlib.Path, required=True, help="the work folder of a finished run")
    p.add_argument("--threads", type=int, default=0, help="as many as the finished run had")
    p.add_argument("--share", type=float, default=0.15, help="of the rows of an epoch")
    p.add_argument("--only", nargs="*", choices=sorted(SETTINGS), default=list(SETTINGS))
    args = p.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    args.hold, args.seed, args.variants = 0, Plan.seed, VARIANTS
    bench = Bench(args, encoder.packs(args.english_encoder, args.chinese_encoder))
    print(HEAD, "|" + "---|" * HEAD.count(" | ") + "---|", sep="\n", flush=True)
    for name in args.only:
        begun = time.monotonic()
        student, fmt = bench.trained(SETTINGS[name])
        print(line(bench, name, student, fmt, (time.monotonic() - begun) / 60), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
