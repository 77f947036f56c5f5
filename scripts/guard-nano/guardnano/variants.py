"""Training texts with some words changed for near ones; what they mean now, only the teachers say.

After Jiao et al., 2020 (TinyBERT, task distillation on augmented data): a small model meets words that the
rows never use, in sentences that the rows never say, and learns the teachers' opinion of them.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from guardnano import worldwords
from guardnano.rows import Row

NEAR = 12  # neighbours a word may be changed for
WORD = re.compile(r"[A-Za-z]+|[\u4e00-\u9fff]+|[^A-Za-z\u4e00-\u9fff]+")
LONGEST = 400  # characters; longer texts are cut at a random place first


class Neighbours:
    """For each common word the nearest others, by the vectors of `embed`."""

    def __init__(self, words: Sequence[str], embed: Callable[[list[str]], np.ndarray]):
        self.words = list(words)
        x = embed(self.words)
        x = x - x.mean(0)
        x /= np.linalg.norm(x, axis=1, keepdims=True) + 1e-9
        self.near = np.zeros((len(self.words), NEAR), np.int32)
        for at in range(0, len(x), 2048):
            close = x[at : at + 2048] @ x.T
            close[np.arange(len(close)), np.arange(at, at + len(close))] = -1
            self.near[at : at + 2048] = np.argpartition(-close, NEAR, axis=1)[:, :NEAR]
        self.index = {w: i for i, w in enumerate(self.words)}

    def other(self, word: str, rng: random.Random) -> str:
        """A near word, one time in six any word; word itself where it is not common."""
        at = self.index.get(word.lower())
        if at is None:
            return word
        if rng.random() < 1 / 6:
            return self.words[rng.randrange(len(self.words))]
        return self.words[self.near[at, rng.randrange(NEAR)]]


def vary(text: str, near: Neighbours, share: float, rng: random.Random) -> str:
    """text with about share of its words changed, and one time in four only a part of it."""
    pieces: list[str] = []
    if len(text) > LONGEST:
        at = rng.randrange(len(text) - LONGEST)
        text = text[at : at + LONGEST]
    for run in WORD.findall(text):
        han = "\u4e00" <= run[0] <= "\u9fff"
        for word in worldwords.segments(run) if han else [run]:
            change = (han or word.isalpha()) and rng.random() < share
            new = near.other(word, rng) if change else word
            pieces.append(new.capitalize() if word[0].isupper() and new != word else new)
    if rng.random() < 0.25 and len(pieces) > 6:
        size = rng.randrange(3, len(pieces))
        at = rng.randrange(len(pieces) - size + 1)
        pieces = pieces[at : at + size]
    return "".join(pieces).strip()


def make(rows: Sequence[Row], near: dict[str, Neighbours], count: int, seed: int) -> list[Row]:
    """count varied rows of random ones: no response, label_by "variant", a severity that means nothing."""
    rng = random.Random(seed)
    out = []
    while len(out) < count:
        row = rows[rng.randrange(len(rows))]
        text = vary(row.text, near[row.lang], rng.choice((0.15, 0.3, 0.5)), rng)
        if len(text) > 2:
            out.append(replace(row, text=text, response=None, refusal=None, categories=(), severity=0,
                               label_by="variant"))  # fmt: skip
    return out


def vocabularies() -> dict[str, list[str]]:
    """The words that may be changed and put in, by language."""
    most = sorted(worldwords.chinese().items(), key=lambda item: (-item[1], item[0]))[:25_000]
    return {"en": worldwords.english()[:18_000], "zh": [w for w, _ in most]}
