"""Seeded rewritings that a person still reads and a filter may not: for training and for flip rates.

Every kind is a pure function of (text, random.Random, strength). strength, 0 to 1, scales the share
of places changed; at 1 a person still reads the text. The same generator state gives the same result.
"""

import random
from collections.abc import Callable, Sequence

from guardnano import evasion_kinds as kinds

_EN, _ZH, _BOTH = ("en",), ("zh",), ("en", "zh")
# name: (function, languages that it is for, weight in sample(); 0 = the engine's normalisation undoes it)
_TABLE: dict[str, tuple[Callable[..., str], tuple[str, ...], float]] = {
    "fullwidth": (kinds.fullwidth, _BOTH, 0),
    "zero-width": (kinds.zero_width, _BOTH, 0),
    "invisible": (kinds.invisible, _BOTH, 0),
    "marks": (kinds.marks, _BOTH, 0),
    "spaced": (kinds.spaced, _BOTH, 1),
    "separators": (kinds.separators, _BOTH, 0.7),
    "emoji-inside": (kinds.emoji_inside, _BOTH, 0.4),
    "leet": (kinds.leet, _EN, 2),
    "homoglyphs": (kinds.homoglyphs, _EN, 0),
    "repeats": (kinds.repeats, _BOTH, 1),
    "case": (kinds.random_case, _EN, 0),
    "typos": (kinds.typos, _BOTH, 1.5),
    "vowels": (kinds.vowels, _EN, 1.5),
    "traditional": (kinds.traditional, _ZH, 2),
    "pinyin": (kinds.pinyin, _ZH, 1.5),
    "pinyin-tones": (kinds.pinyin_tones, _ZH, 0.7),
    "pinyin-initials": (kinds.pinyin_initials, _ZH, 0.7),
    "split-characters": (kinds.split_characters, _ZH, 1.2),
    "homophones": (kinds.homophones, _ZH, 1.5),
    "emoji": (kinds.emoji, _BOTH, 0.7),
    "wrapped": (kinds.wrapped, _BOTH, 1),
    "polite": (kinds.polite, _BOTH, 1),
    "padding": (kinds.padding, _BOTH, 1.5),
}
KINDS: tuple[str, ...] = tuple(_TABLE)
LANGUAGES: dict[str, tuple[str, ...]] = {kind: entry[1] for kind, entry in _TABLE.items()}
UNDONE = tuple(kind for kind, entry in _TABLE.items() if not entry[2])


def apply(
    kind: str, text: str, rng: random.Random, strength: float = 1.0, sentences: Sequence[str] = ()
) -> str | None:
    """text rewritten by kind, or None where that changes nothing. Raises KeyError for an unknown kind.

    sentences are the harmless ones that "padding" puts around text; without them it does not apply."""
    if kind == "padding":
        out = kinds.padding(text, rng, strength, sentences)
    else:
        out = _TABLE[kind][0](text, rng, strength)
    return None if out == text else out


def sample(text: str, lang: str, rng: random.Random, sentences: Sequence[str] = ()) -> str:
    """text under one or, one time in five, two random kinds that fit lang, at a random strength: to augment.

    Kinds that the engine's normalisation undoes are left out. Answers text itself where nothing applies."""
    names = [k for k in KINDS if k not in UNDONE and lang in LANGUAGES[k] and (k != "padding" or sentences)]
    weights = [_TABLE[k][2] for k in names]
    wanted = 1 + (rng.random() < 0.2)
    for _ in range(6):
        kind = rng.choices(names, weights)[0]
        # Two at full strength are no longer readable.
        out = apply(kind, text, rng, rng.uniform(0.15, 1.0) / wanted, sentences)
        if out is None:
            continue
        if wanted == 1:
            return out
        text, wanted = out, 1
    return text
