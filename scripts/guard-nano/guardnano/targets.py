"""What the teachers make of all rows and of texts that no row holds: computed once, kept in files."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch

from guardnano import kept, variants
from guardnano import teacher as teaching
from guardnano.encoder import device
from guardnano.rows import Row
from guardnano.train import Targets

LANGS = ("en", "zh")
WORDS = {"en": "minilm", "zh": "bge-zh"}  # whose vectors say which words are near


@dataclass(frozen=True)
class Kind:
    """How one teacher is made: the language of its rows, epochs over them, and the rate."""

    lang: str
    epochs: int = 2
    rate: float = 1.5e-4

    @property
    def settling(self) -> float:
        """How fast it learns everyday texts, after the rows."""
        return self.rate / 3


SETTLED = 2  # epochs over everyday texts
# The deeper an encoder, the smaller the steps. Where a language has two, the mean of their opinions counts.
TEACHERS = {"minilm": Kind("en"), "bge-en": Kind("en", rate=1e-4), "bge-zh": Kind("zh")}


def fit(packs: dict, rows: Sequence[Row], folder: kept.Folder, seed: int, log: Callable, every: float):
    """Fine-tunes each teacher into teacher-NAME.pt; those that are there are kept, and a stopped one goes on where it
    was."""
    for name, kind in TEACHERS.items():
        done, way = f"teacher-{name}.pt", f"teacher-{name}-on-its-way.pt"
        mine = [r for r in rows if r.lang == kind.lang]
        made = {"epochs": kind.epochs, "rate": kind.rate, "seed": seed}
        folder.claim(f"teacher-{name}", (done, way), rows=mine, **made)
        if (folder / done).exists():
            continue
        body, tokens = packs[name]()
        torch.manual_seed(seed)
        pupil = teaching.Teacher(body)
        begun = kept.load(folder / way) if (folder / way).exists() else None
        teaching.fit(pupil, tokens, mine, kind.epochs, kind.rate, seed, log,
                     begun=begun, save=lambda s, to=folder / way: kept.save(s, to), every=every)  # fmt: skip
        kept.save(pupil.state_dict(), folder / done)
        (folder / way).unlink(missing_ok=True)


def settle(packs: dict, rows: Sequence[Row], ours: Sequence[Row], folder: kept.Folder, seed: int, log: Callable):
    """Takes the teachers through texts that people type, into teacher-NAME-settled.pt: SETTLED epochs at a third of the
    rate over ours and as many drawn rows, so that what they learned from the rows stays. Those that are there are kept."""
    for name, kind in TEACHERS.items():
        done = f"teacher-{name}-settled.pt"
        mine, pool = [r for r in ours if r.lang == kind.lang], [r for r in rows if r.lang == kind.lang]
        mine += random.Random(seed).sample(pool, min(len(mine), len(pool)))
        before = folder.mark(f"teacher-{name}")
        made = {"rate": kind.settling, "epochs": SETTLED, "seed": seed, "teacher": before}
        folder.claim(f"teacher-{name}-settled", (done,), rows=mine, **made)
        if (folder / done).exists():
            continue
        body, tokens = packs[name]()
        pupil = teaching.Teacher(body)
        pupil.load_state_dict(kept.load(folder / f"teacher-{name}.pt"))
        if mine:
            teaching.fit(pupil, tokens, mine, SETTLED, kind.settling, seed, log)
        kept.save(pupil.state_dict(), folder / done)


def varied(
    packs: dict, rows: list[Row], weights: list[float], count: int, seed: int, folder: kept.Folder
) -> list[Row]:
    """count texts that no row holds (variants.make), drawn by weights; kept in variants.jsonl."""
    folder.claim("variants", ("variants.jsonl",), rows=rows, weights=weights, count=count, seed=seed)
    path = folder / "variants.jsonl"
    if not path.exists():
        near = {}
        for lang, words in variants.vocabularies().items() if count else ():
            near[lang] = variants.Neighbours(words, partial(teaching.embed, *packs[WORDS[lang]]()))
        made = variants.make(rows, weights, near, count, seed) if count else []
        with kept.whole(path) as part, part.open("w", encoding="utf-8") as f:
            f.writelines(json.dumps(asdict(r), ensure_ascii=False) + "\n" for r in made)
    with path.open(encoding="utf-8") as f:
        return [Row(**(d | {"categories": tuple(d["categories"])})) for d in map(json.loads, f)]


def collect(packs: dict, rows: Sequence[Row], folder: kept.Folder, log: Callable) -> Targets:
    """Severity of each row by its language's teachers (the mean of their probabilities), and the vectors that they read
    it from. Kept in targets-NAME.npz."""
    severity = np.zeros((len(rows), 3), np.float32)
    index = {name: np.full(len(rows), -1, np.int64) for name in TEACHERS}
    vectors: dict[str, np.ndarray] = {}
    many = Counter(kind.lang for kind in TEACHERS.values())
    for name, kind in TEACHERS.items():
        at = np.array([i for i, r in enumerate(rows) if r.lang == kind.lang])
        mine, path = [rows[i] for i in at], folder / f"targets-{name}.npz"
        settled = folder.mark(f"teacher-{name}-settled")
        folder.claim(f"targets-{name}", (path.name,), rows=mine, teacher=settled)
        if not path.exists():
            out, vector = _opinions(packs[name], mine, kept.load(folder / f"teacher-{name}-settled.pt"))
            with kept.whole(path) as part:
                np.savez(part, severity=softmax(out[:, :3]), vectors=vector)
            log(f"{name}: {len(mine)} opinions")
        with np.load(path) as file:
            severity[at] += file["severity"] / many[kind.lang]
            vectors[name] = file["vectors"]
        index[name][at] = np.arange(len(at))
    return Targets(severity, vectors, index, {name: 1 / many[kind.lang] for name, kind in TEACHERS.items()})


def _opinions(pack: Callable, rows: list[Row], state: dict) -> tuple[np.ndarray, np.ndarray]:
    body, tokens = pack()
    pupil = teaching.Teacher(body).to(device())
    pupil.load_state_dict(state)
    return teaching.predict(pupil, tokens, rows)


def softmax(x: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities along the last axis."""
    x = np.exp((x - x.max(-1, keepdims=True)) / temperature)
    return x / x.sum(-1, keepdims=True)
