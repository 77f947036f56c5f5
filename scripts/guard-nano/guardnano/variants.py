"""Texts that no row holds; what they mean, only the teachers say.

After Jiao et al., 2020 (TinyBERT, task distillation on augmented data): a small model meets words that the
rows never use, in sentences that the rows never say, and learns the teachers' opinion of them. Three kinds:
sentences out of longer rows, clauses of two rows put together, and words changed for near ones.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from guardnano import worldwords
from guardnano.rows import Row, normalize

NEAR = 6  # neighbours a word may be changed for
LOOK = 40  # neighbours that are looked at for them
WORD = re.compile(r"[A-Za-z]+|[\u4e00-\u9fff]+|[^A-Za-z\u4e00-\u9fff]+")
SENTENCE = re.compile(r"(?<=[.!?。！？\n])\s*")
CLAUSE = re.compile(r"(?<=[,;:，；：.!?。！？])\s*")
LONGEST = 400  # characters
SHARE = {"en": 0.6, "zh": 0.4}  # the student falls further behind its English teacher than behind the Chinese one


class Neighbours:
    """For each common word the nearest others, by the vectors of `embed`. Chinese ones have its length and share
    no character with it: encoders that read characters find the same ones alike."""

    def __init__(self, words: Sequence[str], embed: Callable[[list[str]], np.ndarray]):
        self.words = list(words)
        x = embed(self.words)
        x = x - x.mean(0)
        x /= np.linalg.norm(x, axis=1, keepdims=True) + 1e-9
        self.near: list[list[int]] = []
        for at in range(0, len(x), 2048):
            close = x[at : at + 2048] @ x.T
            close[np.arange(len(close)), np.arange(at, at + len(close))] = -1
            part = np.argpartition(-close, LOOK, axis=1)[:, :LOOK]
            order = np.take_along_axis(close, part, 1).argsort(1)[:, ::-1]
            for i, row in enumerate(np.take_along_axis(part, order, 1), at):
                self.near.append([j for j in row.tolist() if self._fits(i, j)][:NEAR])
        self.index = {w: i for i, w in enumerate(self.words)}

    def _fits(self, i: int, j: int) -> bool:
        a, b = self.words[i], self.words[j]
        return a.isascii() or (len(a) == len(b) and not set(a) & set(b))

    def other(self, word: str, rng: random.Random) -> str:
        """A near word, one time in twelve any word; word itself where it is not common."""
        at = self.index.get(word.lower())
        if at is None:
            return word
        if rng.random() < 1 / 12 or not self.near[at]:
            return self.words[rng.randrange(len(self.words))]
        return self.words[rng.choice(self.near[at])]


def change(text: str, near: Neighbours, share: float, rng: random.Random) -> str:
    """text with about share of its words changed for near ones."""
    pieces: list[str] = []
    for run in WORD.findall(text):
        han = "\u4e00" <= run[0] <= "\u9fff"
        for word in worldwords.segments(run) if han else [run]:
            new = near.other(word, rng) if (han or word.isalpha()) and rng.random() < share else word
            pieces.append(new.capitalize() if word[0].isupper() and new != word else new)
    return "".join(pieces)


def sentences(text: str, rng: random.Random) -> str:
    """One to three whole sentences of text."""
    parts = [p for p in SENTENCE.split(text) if p.strip()]
    at = rng.randrange(len(parts)) if parts else 0
    return " ".join(parts[at : at + rng.choice((1, 1, 2, 3))])


def splice(first: str, second: str, rng: random.Random) -> str:
    """The beginning of one text and the end of another, cut between clauses."""
    a = [p for p in CLAUSE.split(first) if p.strip()]
    b = [p for p in CLAUSE.split(second) if p.strip()]
    return " ".join(a[: rng.randint(1, max(1, len(a) - 1))] + b[rng.randint(0, max(0, len(b) - 2)) :])


def make(rows: Sequence[Row], weights: Sequence[float], near: dict[str, Neighbours], count: int, seed: int):
    """count rows of such texts, drawn by weights: no response, label_by "variant", a severity that means
    nothing."""
    rng = random.Random(seed)
    drawn = {k: [(r, w) for r, w in zip(rows, weights, strict=True) if r.lang == k] for k in near}
    by = {k: ([r for r, _ in v], np.cumsum([w for _, w in v]).tolist()) for k, v in drawn.items()}
    langs = sorted(near)
    shares = [SHARE[k] for k in langs]
    out: list[Row] = []
    while len(out) < count:
        (lang,) = rng.choices(langs, shares)
        row, mate = rng.choices(by[lang][0], cum_weights=by[lang][1], k=2)
        text = _text(row, mate, near[lang], rng)
        if len(text) > 2:
            out.append(replace(row, text=text, response=None, refusal=None, categories=(), severity=0,
                               label_by="variant"))  # fmt: skip
    return out


def _text(row: Row, mate: Row, near: Neighbours, rng: random.Random) -> str:
    dice, text = rng.random(), row.text
    if row.response and rng.random() < 0.5:
        text = row.response
    if len(text) > 160 and dice < 0.8:
        text = sentences(text, rng)
    elif dice < 0.3:
        text = splice(text, mate.text, rng)
    if dice > 0.25:
        text = change(text[:LONGEST], near, rng.choice((0.1, 0.15, 0.3)), rng)
    return normalize(text[:LONGEST])


def vocabularies() -> dict[str, list[str]]:
    """The words that may be changed and put in, by language."""
    most = sorted(worldwords.chinese().items(), key=lambda item: (-item[1], item[0]))[:25_000]
    return {"en": worldwords.english()[:18_000], "zh": [w for w, _ in most]}
