"""The rewritings of guardnano.evasion: functions (text, random.Random, strength) -> text, changed or not."""

import functools
import json
import random
import re
from collections.abc import Callable, Sequence

from guardnano import evasion_tables as tables

WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
HAN = re.compile(r"[\u3400-\u9fff]+")


def _share(strength: float, most: float) -> float:
    """The chance of one place to be changed: most at strength 1, never less than a sixth of it."""
    return most * max(1 / 6, min(1.0, strength))


def _pick(count: int, rng: random.Random, share: float) -> set[int]:
    """Which of count places are changed: each with the chance share, at least one where there is one."""
    chosen = {i for i in range(count) if rng.random() < share}
    return chosen or ({rng.randrange(count)} if count else set())


def _replace(
    text: str, spans: Sequence[tuple[int, int]], chosen: set[int], change: Callable[[str], str]
) -> str:
    """text with the chosen ones of its ascending spans changed."""
    out, done = [], 0
    for i in sorted(chosen):
        start, end = spans[i]
        out += [text[done:start], change(text[start:end])]
        done = end
    return "".join([*out, text[done:]])


def _words(text: str, least: int = 3) -> list[tuple[int, int]]:
    return [m.span() for m in WORD.finditer(text) if m.end() - m.start() >= least]


def _han(text: str, rng: random.Random) -> list[tuple[int, int]]:
    """The Chinese runs of text cut into pieces of two characters, rarely one or three."""
    spans = []
    for m in HAN.finditer(text):
        at = m.start()
        while at < m.end():
            end = min(m.end(), at + rng.choices((1, 2, 3), (1, 6, 1))[0])
            spans.append((at, end))
            at = end
    return spans


def _places(text: str, table: dict[str, str], lower: bool = False) -> list[tuple[int, int]]:
    return [(i, i + 1) for i, c in enumerate(text) if (c.lower() if lower else c) in table]


def _each(
    text: str, spans: Sequence[tuple[int, int]], rng: random.Random, share: float, change: Callable
) -> str:
    return _replace(text, spans, _pick(len(spans), rng, share), change)


# ---- what the product's normalisation undoes -------------------------------------------------------------


def fullwidth(text: str, rng: random.Random, strength: float) -> str:
    places = [(i, i + 1) for i, c in enumerate(text) if "!" <= c <= "~"]
    return _each(text, places, rng, _share(strength, 1.0), lambda c: chr(ord(c) + 0xFEE0))


def zero_width(text: str, rng: random.Random, strength: float) -> str:
    return _between(text, rng, _share(strength, 0.6), tables.ZERO_WIDTH)


# ---- characters that are not seen ------------------------------------------------------------------------


def _between(text: str, rng: random.Random, share: float, marks: Sequence[str]) -> str:
    """marks after letters and digits that another one follows."""
    places = [(i, i + 1) for i in range(len(text) - 1) if text[i].isalnum() and text[i + 1].isalnum()]
    return _each(text, places, rng, share, lambda c: c + rng.choice(marks))


def invisible(text: str, rng: random.Random, strength: float) -> str:
    few = rng.sample(tables.INVISIBLE, 2)
    return _between(text, rng, _share(strength, 0.6), few)


def marks(text: str, rng: random.Random, strength: float) -> str:
    mark = rng.choice(tables.MARKS)
    places = [(i, i + 1) for i, c in enumerate(text) if c.isalnum()]
    return _each(text, places, rng, _share(strength, 0.8), lambda c: c + mark)


# ---- words taken apart -----------------------------------------------------------------------------------


def _apart(text: str, rng: random.Random, strength: float, between: Callable[[], str]) -> str:
    spans = sorted(_words(text) + [s for s in _han(text, rng) if s[1] - s[0] > 1])
    return _each(text, spans, rng, _share(strength, 0.9), lambda word: between().join(word))


def spaced(text: str, rng: random.Random, strength: float) -> str:
    return _apart(text, rng, strength, lambda: " ")


def separators(text: str, rng: random.Random, strength: float) -> str:
    mark = rng.choice(tables.SEPARATORS)
    return _apart(text, rng, strength, lambda: mark)


def emoji_inside(text: str, rng: random.Random, strength: float) -> str:
    return _apart(text, rng, 0.7 * strength, lambda: rng.choice(tables.EMOJI))


def split_characters(text: str, rng: random.Random, strength: float) -> str:
    return _each(text, _places(text, tables.SPLIT), rng, _share(strength, 0.9), lambda c: tables.SPLIT[c])


# ---- characters that look or sound alike -----------------------------------------------------------------


def leet(text: str, rng: random.Random, strength: float) -> str:
    digit = {
        letter: rng.choice(some) for letter, some in tables.LEET.items()
    }  # one for a letter, as people do
    return _each(
        text, _places(text, tables.LEET, True), rng, _share(strength, 0.7), lambda c: digit[c.lower()]
    )


def homoglyphs(text: str, rng: random.Random, strength: float) -> str:
    table = tables.HOMOGLYPHS
    return _each(text, _places(text, table), rng, _share(strength, 0.8), lambda c: rng.choice(table[c]))


@functools.cache
def _homophones() -> dict[str, str]:
    """Every common character (GB 2312 level 1) with the others that are read alike, tone included."""
    import pypinyin

    groups: dict[str, list[str]] = {}
    cells = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    common = "".join(cell.decode("gb2312", "ignore") for cell in cells)
    for c in common:
        groups.setdefault(pypinyin.pinyin(c, style=pypinyin.Style.TONE3)[0][0], []).append(c)
    return {c: "".join(group).replace(c, "") for group in groups.values() for c in group if len(group) > 1}


def homophones(text: str, rng: random.Random, strength: float) -> str:
    table = _homophones()
    return _each(text, _places(text, table), rng, _share(strength, 0.4), lambda c: rng.choice(table[c]))


@functools.cache
def _converter(name: str):
    from opencc import OpenCC

    return OpenCC(name)


def traditional(text: str, rng: random.Random, strength: float) -> str:
    return _converter(rng.choice(("s2t", "s2tw", "s2hk"))).convert(text)


def _spelled(text: str, rng: random.Random, share: float, style: str) -> str:
    import pypinyin

    def syllables(han: str) -> list[str]:
        return pypinyin.lazy_pinyin(han, style=pypinyin.Style[style])

    spans = _han(text, rng)
    chosen = _pick(len(spans), rng, share)
    gap = rng.choice((" ", ""))  # "zhi zuo zha dan" or "zhizuo zhadan"
    out = _replace(text, spans, chosen, lambda han: f" {gap.join(syllables(han))} ")
    return re.sub(r" {2,}", " ", out).strip()


def pinyin(text: str, rng: random.Random, strength: float) -> str:
    return _spelled(text, rng, _share(strength, 1.0), "NORMAL")


def pinyin_tones(text: str, rng: random.Random, strength: float) -> str:
    return _spelled(text, rng, _share(strength, 1.0), rng.choice(("TONE", "TONE3")))


def pinyin_initials(text: str, rng: random.Random, strength: float) -> str:
    """First letters for a few words only: the rest of the sentence must tell what they mean."""
    import pypinyin

    def initials(han: str) -> str:
        return "".join(pypinyin.lazy_pinyin(han, style=pypinyin.Style.FIRST_LETTER))

    spans = [s for s in _han(text, rng) if s[1] - s[0] > 1]
    return _each(text, spans, rng, _share(strength, 0.25), initials)


# ---- careless writing ------------------------------------------------------------------------------------


def repeats(text: str, rng: random.Random, strength: float) -> str:
    places = [(i, i + 1) for i, c in enumerate(text) if c.isalpha()]
    return _each(text, places, rng, _share(strength, 0.25), lambda c: c * rng.randint(2, 4))


def random_case(text: str, rng: random.Random, strength: float) -> str:
    if not _words(text, 1):
        return text
    way = rng.random()
    if way < 0.25:
        return text.upper()
    return "".join(c.swapcase() if rng.random() < _share(strength, 0.5) else c for c in text)


def typos(text: str, rng: random.Random, strength: float) -> str:
    """One slip a word: letters swapped, one dropped, a neighbour key, one doubled; in Chinese the first
    two."""

    def slip(word: str) -> str:
        at = rng.randrange(1, len(word) - 1) if len(word) > 2 else 0
        way = rng.randrange(2 if HAN.match(word) else 4)
        if way == 0:
            return word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]
        if way == 1 and len(word) > 2:
            return word[:at] + word[at + 1 :]
        if way == 2 and (keys := tables.NEIGHBOURS.get(word[at].lower())):
            return word[:at] + rng.choice(keys) + word[at + 1 :]
        return word[: at + 1] + word[at:]

    pieces = [s for s in _han(text, rng) if s[1] - s[0] > 1]
    spans = sorted(_words(text, 4) + rng.sample(pieces, (len(pieces) + 1) // 2))
    return _each(text, spans, rng, _share(strength, 0.5), slip)


def vowels(text: str, rng: random.Random, strength: float) -> str:
    """Vowels of words hidden: k*ll. The first letter stays, and so do words of under four letters."""
    mark = rng.choice("***#-_.")

    def mask(word: str) -> str:
        return word[0] + re.sub("[aeiouAEIOU]", lambda m: mark if rng.random() < 0.8 else m.group(), word[1:])

    return _each(text, _words(text, 4), rng, _share(strength, 0.8), mask)


# ---- what stands around ----------------------------------------------------------------------------------


def emoji(text: str, rng: random.Random, strength: float) -> str:
    """Emoji between words, and at the end."""
    gaps = [m.span() for m in re.finditer(r"\s+|[,，.。!！?？;；、]\s*", text)] + [(len(text), len(text))]

    def mark(gap: str) -> str:
        return gap + rng.choice(tables.EMOJI) * rng.randint(1, 2) + (" " if gap.endswith(" ") else "")

    return _each(text, gaps, rng, _share(strength, 0.6), mark)


def wrapped(text: str, rng: random.Random, strength: float) -> str:
    way = rng.random()
    if way < 0.2:
        entry = {rng.choice(tables.JSON_KEYS): text}
        return json.dumps(entry, ensure_ascii=False, indent=rng.choice((None, 2)))
    if way < 0.4 and (lines := [s.strip() for s in re.split(r"(?<=[.!?。！？])\s*|\n+", text) if s.strip()]):
        return "\n".join(f"- {line}" for line in lines)
    before, after = rng.choice(tables.WRAPS)
    return before + text + after


def polite(text: str, rng: random.Random, strength: float) -> str:
    before, after = rng.choice(tables.POLITE["zh" if HAN.search(text) else "en"])
    return before + text + after


def padding(text: str, rng: random.Random, strength: float, sentences: Sequence[str] = ()) -> str:
    """Up to three of the caller's harmless sentences before, after or on both sides."""
    if not sentences:
        return text
    count = 1 + (rng.random() < 0.6 * strength) + (rng.random() < 0.4 * strength)
    parts = rng.sample(list(sentences), min(count, len(sentences)))
    parts.insert(rng.randint(0, len(parts)), text)
    return rng.choice((" ", "\n", "\n\n") if not HAN.search(text) else ("", "\n", " ")).join(parts)
