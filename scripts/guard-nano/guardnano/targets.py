"""What the teachers make of every training row: computed once, kept in a file."""

import pathlib
from collections.abc import Sequence

import numpy as np
import torch

from guardnano import teacher as teaching
from guardnano.rows import Row
from guardnano.train import Targets

LANGS = ("en", "zh")


def fit(packs: dict, rows: Sequence[Row], folder: pathlib.Path, epochs: int, rate: float, seed: int, log) -> None:
    """Fine-tunes a teacher per language into folder/teacher-LANG.pt; those that are there are kept."""
    for lang in LANGS:
        path = folder / f"teacher-{lang}.pt"
        if path.exists():
            continue
        body, tokens = packs[lang]()
        pupil = teaching.Teacher(body)
        mine = [r for r in rows if r.lang == lang]
        teaching.fit(pupil, tokens, mine, epochs, rate, seed, log)
        save(pupil.state_dict(), path)


def collect(packs: dict, rows: Sequence[Row], folder: pathlib.Path, log) -> Targets:
    """Severity of each row by its language's teacher, and the vector that the teacher read it from. Kept in
    folder/targets.npz."""
    path = folder / "targets.npz"
    if not path.exists():
        kept: dict[str, np.ndarray] = {}
        severity = np.zeros((len(rows), 3), np.float32)
        for lang in LANGS:
            at = np.array([i for i, r in enumerate(rows) if r.lang == lang])
            mine = [rows[i] for i in at]
            body, tokens = packs[lang]()
            pupil = teaching.Teacher(body)
            pupil.load_state_dict(torch.load(folder / f"teacher-{lang}.pt"))
            out, kept["vectors_" + lang] = teaching.predict(pupil, tokens, mine)
            severity[at] = softmax(out[:, :3])
            log(f"{lang}: {len(mine)} opinions")
        kept["severity"] = severity
        part = path.with_suffix(".part.npz")
        np.savez(part, **kept)
        part.rename(path)
    kept = dict(np.load(path))
    if len(kept["severity"]) != len(rows):
        raise ValueError("targets.npz is of other rows; remove it")
    index = {k: np.full(len(rows), -1, np.int64) for k in LANGS}
    for lang in LANGS:
        at = [i for i, r in enumerate(rows) if r.lang == lang]
        index[lang][at] = np.arange(len(at))
    return Targets(kept["severity"], {k: kept["vectors_" + k] for k in LANGS}, index)


def softmax(x: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities along the last axis."""
    x = np.exp((x - x.max(-1, keepdims=True)) / temperature)
    return x / x.sum(-1, keepdims=True)


def save(state: dict, path: pathlib.Path) -> None:
    """Writes state so that path is either whole or not there."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.rename(path)
