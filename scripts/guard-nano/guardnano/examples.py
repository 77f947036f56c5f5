"""One epoch of training examples: rows, rewritten, joined, tokenised and laid out for the student."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from guardnano import evasion
from guardnano.prompt import LONGEST, Format, fit
from guardnano.rows import Row, normalize

# Weight of each part of the answer in the loss: severity, fixed lines, categories, refusal.
PART = (1.0, 0.05, 0.5, 0.3)
JOINED = 240  # estimated tokens of a joined text: what is joined must not be cut again


@dataclass(frozen=True)
class Mix:
    """How often each kind of rewriting happens, and how many times a twin is seen in an epoch."""

    evasion: float = 0.2
    dropout: float = 0.1
    join: float = 0.1
    turns: float = 0.05
    tails: float = 0.15  # share of Safe rows whose answer is trained to its end
    slips: float = 0.2  # share of flagged rows that show the wrong flagged label behind which categories follow
    twins: int = 2
    everyday: float = 2.5  # times that an everyday text is seen
    varied: float = 0.4  # share of the variants that an epoch shows, drawn anew


@dataclass
class Example:
    """Ids of prompt and answer; the answer's places begin at `at`. want are the answer's true ids, which differ
    from ids where a slip is shown. row has the teachers' targets; alone says whether its text is all there is."""

    ids: list[int]
    at: int
    want: list[int]
    kinds: list[int]
    weight: tuple[float, float]
    row: int
    alone: bool


@dataclass
class Chat:
    """The turns that a row is shown as."""

    turns: list[tuple[str, str]]
    alone: bool = True


class Pool:
    """What rows are joined with: harmless texts by language, and harmless talks (question, answer)."""

    def __init__(self, rows: Sequence[Row], rng: random.Random):
        usual = [r for r in rows if r.label_by != "variant" and r.severity == 0]
        self.safe = {k: [r.text for r in usual if r.lang == k and not r.response] for k in ("en", "zh")}
        self.calm = [t for k in ("en", "zh") for t in rng.sample(self.safe[k], min(2000, len(self.safe[k])))]
        self.calm = [t for t in self.calm if len(t) < 120]
        # Refusals of harmful questions are among them: then only the last question counts.
        self.talks = [r for r in usual if r.response and len(r.text) + len(r.response) < 400]


def build(rows: Sequence[Row], copies: Sequence[float], fmt: Format, mix: Mix, seed: int) -> list[Example]:
    """The examples of one epoch, in the order of rows; the same for the same seed. copies says how often a row
    is seen; 0.3 of a time is three epochs in ten."""
    rng = random.Random(seed)
    order = [i for i, n in enumerate(copies) for _ in range(int(n) + (rng.random() < n % 1))]
    pool = Pool(rows, rng)
    chats = [_compose(rows[i], pool, mix, rng) for i in order]
    ids = _tokens(fmt, [t for c in chats for _, t in c.turns], mix.dropout, seed)
    out, n = [], 0
    for i, chat in zip(order, chats, strict=True):
        part = ids[n : n + len(chat.turns)]
        n += len(chat.turns)
        out.append(_layout(rows[i], i, chat, part, fmt, mix, rng))
    return out


def _tokens(fmt: Format, texts: list[str], dropout: float, seed: int) -> list[list[int]]:
    """Ids of all texts; every second one with BPE dropout."""
    whole = fmt.tok.encode_many(texts)
    if dropout:
        whole[::2] = fmt.tok.encode_many(texts[::2], dropout, np.random.default_rng(seed))
    return whole


def _compose(row: Row, pool: Pool, mix: Mix, rng: random.Random) -> Chat:
    """The turns (role, text) that a row is shown as."""
    text, answer = row.text, row.response
    if rng.random() < mix.evasion:
        # The engine normalises what it gets, so training shows what is left after that.
        if answer is None or rng.random() < 0.5:
            text = normalize(evasion.sample(text, row.lang, rng, pool.calm))
        else:
            answer = normalize(evasion.sample(answer, row.lang, rng))
    if answer is not None:
        return Chat([("user", text), ("assistant", answer)])
    dice = rng.random() if row.label_by != "variant" else 1.0
    if dice < mix.join:
        joined = _join(text, row.lang, pool, rng)
        return Chat([("user", joined)], joined == text)
    if dice < mix.join + mix.turns:
        return Chat(_before(pool, rng) + [("user", text)], False)
    return Chat([("user", text)])


def _before(pool: Pool, rng: random.Random) -> list[tuple[str, str]]:
    """Earlier turns that change nothing: a talk, a question with an answer to another one, or a system text."""
    dice = rng.random()
    if dice < 0.25 or not pool.talks:
        return [("system", rng.choice(pool.calm))]
    if dice < 0.75:
        talk = rng.choice(pool.talks)
        return [("user", talk.text), ("assistant", talk.response or "")]
    return [("user", rng.choice(pool.calm)), ("assistant", rng.choice(pool.calm))]


def _join(text: str, lang: str, pool: Pool, rng: random.Random) -> str:
    """text among one to five harmless ones of its language, in random order, as far as there is room."""
    parts, room = [text], JOINED - size(text)
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        other = rng.choice(pool.safe[lang] or pool.calm)
        if size(other) <= room:
            room -= size(other)
            parts.insert(rng.randint(0, len(parts)), other)
    return rng.choice(("\n", " ", "\n\n")).join(parts)


def size(text: str) -> int:
    """About how many tokens a text has."""
    wide = sum(c > "\u2fff" for c in text)
    return wide + (len(text) - wide) // 3 + 1


def _layout(row: Row, i: int, chat: Chat, part, fmt: Format, mix: Mix, rng) -> Example:
    room = LONGEST - 5 * (len(part) - 1)
    long = sum(map(len, part)) > room
    if long and row.severity == 0 and len(part) == 1 and mix.join:
        first = rng.randrange(len(part[0]) - room + 1)
        part = [part[0][first : first + room]]
    fitted = fit(part, room)
    prompt = fmt.prompt([(role, ids) for (role, _), ids in zip(chat.turns, fitted, strict=True)])
    want, kinds = fmt.answer(row)
    short = row.severity == 0 and row.response is None and rng.random() >= mix.tails
    if short or row.label_by == "variant":
        want, kinds = want[:1], kinds[:1]
    shown = list(want)
    if row.severity > 0 and rng.random() < mix.slips:
        shown[0] = fmt.labels[3 - row.severity]
    # What was cut out of a flagged text may be what it was flagged for.
    trust = row.severity_trust * (0.5 if long and row.severity else 1.0)
    return Example(prompt + shown, len(prompt), want, kinds, (trust, row.category_trust), i, chat.alone)


def plain(rows: Sequence[Row], fmt: Format) -> list[Example]:
    """The rows as they are, to evaluate."""
    quiet = replace(Mix(), evasion=0, dropout=0, join=0, turns=0, tails=1, slips=0)
    return build(rows, [1] * len(rows), fmt, quiet, 0)
