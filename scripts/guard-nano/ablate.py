#!/usr/bin/env python3
"""Short trainings that differ from the recipe in one thing, on what a finished run left in its work folder.

usage: ablate.py --data DIR --english-encoder JAR --chinese-encoder JAR --work WORK [--share S] [--only NAME ...]

Each trains one epoch on a share of the rows (drawn with one seed, the same for all) and prints dev's figures as the recipe's log
does. Figures of so short a run are for comparing, not for the card. ABLATIONS.md has what was found.
"""

import argparse
import pathlib
import sys
import time
from dataclasses import replace

import torch

from guardnano import calibrate, encoder, patterns, progress, targets
from guardnano import train as training
from guardnano.examples import Mix, plain
from guardnano.model import Config, Student
from guardnano.rows import Row
from guardnano.train import Plan, Targets
from recipe import VARIANTS, Recipe

# What each setting changes: fields of Plan, of its Mix, of Config, and what `trained` looks at.
SETTINGS: dict[str, dict] = {
    "recipe": {},
    "no teachers": {"plan": {"soft": 0.0, "meaning": 0.0}, "mix": {"varied": 0.0}},
    "labels only from teachers": {"plan": {"soft": 1.0}},
    "no meaning": {"plan": {"meaning": 0.0}},
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
    "embeddings free": {"start": "free"},
    "embeddings mapped only": {"start": "mapped"},
    "deep and narrow": {"shape": {"width": 192, "layers": 10, "heads": 3, "kv_heads": 1, "inner": 576}},
    "wide and shallow": {"shape": {"width": 320, "layers": 1, "heads": 5, "kv_heads": 1, "inner": 640}},
    "no weight average": {"plan": {"average": 0.0}},
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


def trained(recipe: Recipe, fmt, rows: list[Row], said: Targets, change: dict, share: float) -> tuple[Student, Plan]:
    """The averaged student of one setting."""
    plan = replace(recipe.plan, epochs=1, **change.get("plan", {}))
    plan = replace(plan, mix=replace(Mix(), **change.get("mix", {})))
    copies = patterns.copies(recipe.rows, change.get("cap", patterns.MOST))
    copies = [plan.mix.twins if r.label_by == "twin" else n for r, n in zip(recipe.rows, copies, strict=True)]
    copies += [plan.mix.varied] * (len(rows) - len(copies) - len(recipe.everyday))
    copies = [share * n for n in copies + [plan.mix.everyday] * len(recipe.everyday)]
    if change.get("believed"):
        rows = [replace(r, label_by="dataset") if "rule" in r.label_by else r for r in rows]
    if not plan.meaning:
        said = replace(said, vectors=None, index=None)
    known = [] if change.get("start") == "free" else recipe.known(fmt)
    kind = Mapped if change.get("start") == "mapped" else Student
    torch.manual_seed(plan.seed)
    student = kind(replace(Config(vocab=fmt.tok.size), **change.get("shape", {})), known)
    trainer = training.Trainer(student, fmt, rows, copies, said, plan, lambda _: None)
    trainer.run()
    return trainer.average, plan


def main() -> int:
    """Runs the settings one after the other."""
    p = argparse.ArgumentParser(description="Compare settings of the recipe by short trainings.")
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--english-encoder", type=pathlib.Path, required=True)
    p.add_argument("--chinese-encoder", type=pathlib.Path, required=True)
    p.add_argument("--work", type=pathlib.Path, required=True, help="the work folder of a finished run")
    p.add_argument("--share", type=float, default=0.15, help="of the rows of an epoch")
    p.add_argument("--only", nargs="*", choices=sorted(SETTINGS), default=list(SETTINGS))
    args = p.parse_args()
    args.hold, args.seed, args.variants = 0, Plan.seed, VARIANTS
    packs = encoder.packs(args.english_encoder, args.chinese_encoder)
    recipe = Recipe(args, packs, Plan())
    fmt = recipe.format()
    rows = recipe.rows + recipe.varied() + recipe.everyday
    said = targets.collect(packs, rows, recipe.folder, recipe.log)
    for name in args.only:
        begun = time.monotonic()
        student, _ = trained(recipe, fmt, rows, said, SETTINGS[name], args.share)
        scores = calibrate.Reading(student, plain(recipe.dev, fmt), fmt).scores()
        for line in list(progress.lines(name, recipe.dev, scores))[:4]:
            recipe.log(line)
        recipe.log(f"{name}: {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
