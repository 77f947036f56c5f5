"""What the teachers make of all rows and of texts that no row holds: computed once, kept in files."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

import numpy as np
import torch

from guardnano import kept, variants
from guardnano import teacher as teaching
from guardnano.encoder import device
from guardnano.rows import Row
from guardnano.train import Targets

LANGS = ("en", "zh")
SETTLE = teaching.RATE / 3  # how fast the teachers learn everyday texts, after the rows


def fit(packs: dict, rows: Sequence[Row], folder: kept.Folder, seed: int, log: Callable, every: float):
    """Fine-tunes a teacher per language into teacher-LANG.pt; those that are there are kept, and a stopped
    one goes on where it was."""
    for lang in LANGS:
        done, way = f"teacher-{lang}.pt", f"teacher-{lang}-on-its-way.pt"
        mine, epochs = [r for r in rows if r.lang == lang], teaching.EPOCHS[lang]
        folder.claim(f"teacher-{lang}", (done, way), rows=mine, epochs=epochs, rate=teaching.RATE, seed=seed)
        if (folder / done).exists():
            continue
        body, tokens = packs[lang]()
        torch.manual_seed(seed)
        pupil = teaching.Teacher(body)
        begun = kept.load(folder / way) if (folder / way).exists() else None
        teaching.fit(pupil, tokens, mine, epochs, teaching.RATE, seed, log,
                     begun=begun, save=lambda s, to=folder / way: kept.save(s, to), every=every)  # fmt: skip
        kept.save(pupil.state_dict(), folder / done)
        (folder / way).unlink(missing_ok=True)


def settle(packs: dict, rows: Sequence[Row], ours: Sequence[Row], folder: kept.Folder, seed: int, log: Callable):
    """Takes the teachers through texts that people type, into teacher-LANG-settled.pt: one epoch at a third of the rate
    over ours and as many drawn rows, so that what they learned from the rows stays. Those that are there are kept."""
    for lang in LANGS:
        done = f"teacher-{lang}-settled.pt"
        mine, pool = [r for r in ours if r.lang == lang], [r for r in rows if r.lang == lang]
        mine += random.Random(seed).sample(pool, min(len(mine), len(pool)))
        before = folder.mark(f"teacher-{lang}")
        folder.claim(f"teacher-{lang}-settled", (done,), rows=mine, rate=SETTLE, seed=seed, teacher=before)
        if (folder / done).exists():
            continue
        body, tokens = packs[lang]()
        pupil = teaching.Teacher(body)
        pupil.load_state_dict(kept.load(folder / f"teacher-{lang}.pt"))
        if mine:
            teaching.fit(pupil, tokens, mine, 1, SETTLE, seed, log)
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
            near[lang] = variants.Neighbours(words, partial(teaching.embed, *packs[lang]()))
        made = variants.make(rows, weights, near, count, seed) if count else []
        with kept.whole(path) as part, part.open("w", encoding="utf-8") as f:
            f.writelines(json.dumps(asdict(r), ensure_ascii=False) + "\n" for r in made)
    with path.open(encoding="utf-8") as f:
        return [Row(**(d | {"categories": tuple(d["categories"])})) for d in map(json.loads, f)]


def collect(packs: dict, rows: Sequence[Row], folder: kept.Folder, log: Callable) -> Targets:
    """Severity of each row by its language's teacher, and the vector that the teacher read it from. Kept in
    targets-LANG.npz."""
    severity = np.zeros((len(rows), 3), np.float32)
    index = {k: np.full(len(rows), -1, np.int64) for k in LANGS}
    vectors: dict[str, np.ndarray] = {}
    for lang in LANGS:
        at = np.array([i for i, r in enumerate(rows) if r.lang == lang])
        mine, path = [rows[i] for i in at], folder / f"targets-{lang}.npz"
        folder.claim(f"targets-{lang}", (path.name,), rows=mine, teacher=folder.mark(f"teacher-{lang}-settled"))
        if not path.exists():
            out, vector = _opinions(packs[lang], mine, kept.load(folder / f"teacher-{lang}-settled.pt"))
            with kept.whole(path) as part:
                np.savez(part, severity=softmax(out[:, :3]), vectors=vector)
            log(f"{lang}: {len(mine)} opinions")
        with np.load(path) as file:
            severity[at], vectors[lang] = file["severity"], file["vectors"]
        index[lang][at] = np.arange(len(at))
    return Targets(severity, vectors, index)


def _opinions(pack: Callable, rows: list[Row], state: dict) -> tuple[np.ndarray, np.ndarray]:
    body, tokens = pack()
    pupil = teaching.Teacher(body).to(device())
    pupil.load_state_dict(state)
    return teaching.predict(pupil, tokens, rows)


def softmax(x: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities along the last axis."""
    x = np.exp((x - x.max(-1, keepdims=True)) / temperature)
    return x / x.sum(-1, keepdims=True)
