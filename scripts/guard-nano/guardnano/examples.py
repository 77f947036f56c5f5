"""One epoch of training examples: rows, rewritten, joined, tokenised and laid out for the student."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from guardnano import evasion
from guardnano.prompt import Format, cut
from guardnano.rows import Row

# Weight of each part of the answer in the loss: severity, fixed lines, categories, refusal.
PART = (1.0, 0.05, 0.5, 0.3)


@dataclass(frozen=True)
class Mix:
    """How often each kind of rewriting happens, and how many times a row is seen in an epoch."""

    evasion: float = 0.2
    dropout: float = 0.1
    join: float = 0.06
    turns: float = 0.03
    tails: float = 0.15  # share of Safe rows whose answer is trained to its end
    twins: int = 2


@dataclass
class Example:
    """Ids of prompt and answer; the answer's places begin at `at`. row is the index whose teacher
    targets hold, -1 where none do."""

    ids: list[int]
    at: int
    kinds: list[int]
    weight: tuple[float, float]
    row: int


def build(rows: Sequence[Row], copies: Sequence[float], fmt: Format, mix: Mix, seed: int) -> list[Example]:
    """The examples of one epoch, in the order of rows; the same for the same seed. copies says how often a row
    is seen; 0.3 of a time is three epochs in ten."""
    rng = random.Random(seed)
    order = [i for i, n in enumerate(copies) for _ in range(int(n) + (rng.random() < n % 1))]
    plain = [i for i, r in enumerate(rows) if r.response is None and r.label_by != "variant"]
    safe = [i for i in plain if rows[i].severity == 0]
    calm = [rows[i].text for i in rng.sample(safe, min(len(safe), 4000)) if len(rows[i].text) < 120]
    chats = [_compose(rows, i, safe, calm, mix, rng) for i in order]
    texts = [t for _, turns in chats for _, t in turns]
    ids = _tokens(fmt, texts, mix.dropout, seed)
    out, n = [], 0
    for i, (row, turns) in zip(order, chats, strict=True):
        part = ids[n : n + len(turns)]
        n += len(turns)
        out.append(_layout(rows[i] if row is None else row, i, turns, part, fmt, mix, rng))
    return out


def _tokens(fmt: Format, texts: list[str], dropout: float, seed: int) -> list[list[int]]:
    """Ids of all texts; every second one with BPE dropout."""
    whole = fmt.tok.encode_many(texts)
    if dropout:
        split = fmt.tok.encode_many(texts[::2], dropout, np.random.default_rng(seed))
        whole[::2] = split
    return whole


def _compose(rows, i, safe, calm, mix, rng) -> tuple[Row | None, list[tuple[str, str]]]:
    """The turns (role, text) that row i is shown as, and a changed row where its label changed."""
    row = rows[i]
    text, answer = row.text, row.response
    if rng.random() < mix.evasion:
        if answer is None or rng.random() < 0.5:
            text = evasion.sample(text, row.lang, rng, calm)
        else:
            answer = evasion.sample(answer, row.lang, rng)
    if answer is not None:
        return None, [("user", text), ("assistant", answer)]
    dice = rng.random() if row.label_by != "variant" else 1.0
    if dice < mix.join:
        return None, [("user", _join(text, row, rows, safe, rng))]
    if dice < mix.join + mix.turns:
        before = rows[rng.choice(safe)]
        reply = rng.choice(calm)
        return None, [("user", before.text), ("assistant", reply), ("user", text)]
    return None, [("user", text)]


def _join(text: str, row: Row, rows, safe, rng) -> str:
    """text among one to five harmless ones of its language, in random order."""
    others = [rows[rng.choice(safe)] for _ in range(rng.choice((1, 1, 2, 3, 5)) * 2)]
    parts = [o.text for o in others if o.lang == row.lang and len(o.text) < 300][:5]
    parts.insert(rng.randint(0, len(parts)), text)
    return rng.choice(("\n", " ", "\n\n")).join(parts)


def _layout(row: Row, i: int, turns, part, fmt: Format, mix: Mix, rng) -> Example:
    room = 320 // len(turns)
    prompt = fmt.prompt([(role, cut(ids, room)) for (role, _), ids in zip(turns, part, strict=True)])
    answer, kinds = fmt.answer(row)
    short = row.severity == 0 and row.response is None and rng.random() >= mix.tails
    if short or row.label_by == "variant":
        answer, kinds = answer[:1], kinds[:1]
    return Example(prompt + answer, len(prompt), kinds, (row.severity_trust, row.category_trust), i)


def plain(rows: Sequence[Row], fmt: Format) -> list[Example]:
    """The rows as they are, to evaluate."""
    quiet = replace(Mix(), evasion=0, dropout=0, join=0, turns=0, tails=1)
    return build(rows, [1] * len(rows), fmt, quiet, 0)
