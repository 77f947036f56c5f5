#!/usr/bin/env python3
"""Ordinary words that the training rows know nearly in harm alone: what harmless texts with them are flagged for.

usage: lopsided.py --data DIR --lang en|zh

One a line, the most lopsided first: word, how often an epoch shows it in flagged rows, how often in Safe ones. Rows
of frequent patterns count as often as they are shown. It looks at training rows, never at dev or the test sets.
"""

import argparse
import collections
import pathlib
import re

from guardnano import patterns, rows, worldwords
from guardnano.examples import Mix

HERE = pathlib.Path(__file__).resolve().parent
COMMON = {"en": 9_000, "zh": 12_000}  # how many of the language's words count as ordinary
LEAST, SHARE, DOUBT = 8, 0.72, 2  # occurrences; share of flagged ones; added to the Safe ones of a rare word


def words(text: str, lang: str) -> set[str]:
    """The words of a folded text."""
    if lang == "en":
        return set(re.findall(r"[a-z]{3,}", text))
    return {w for w in worldwords.segments(text) if re.fullmatch(r"[\u4e00-\u9fff]{1,4}", w)}


def counted(trained: list[tuple[rows.Row, float]], lang: str) -> dict[str, list[float]]:
    """word -> how often it is shown in Safe and in flagged rows."""
    out: dict[str, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
    for row, times in trained:
        if row.lang == lang and row.response is None:
            for word in words(row.text, lang):
                out[word][row.severity > 0] += times
    return out


def main() -> None:
    """Prints the words."""
    p = argparse.ArgumentParser(description="Words that training knows from harm alone.")
    p.add_argument("--data", type=pathlib.Path, required=True, help="folder of train.jsonl.gz")
    p.add_argument("--lang", choices=sorted(COMMON), required=True)
    args = p.parse_args()
    train, mix = rows.load(args.data, "train"), Mix()
    trained = list(zip(train, patterns.copies(train), strict=True))
    trained += [(r, float(mix.twins)) for r in rows.load_own(HERE / "twins")]
    trained += [(r, mix.everyday) for r in rows.load_own(HERE / "everyday")]
    most = sorted(worldwords.chinese().items(), key=lambda item: (-item[1], item[0]))
    ordinary = set((worldwords.english() if args.lang == "en" else [w for w, _ in most])[: COMMON[args.lang]])
    found = []
    for word, (safe, flagged) in counted(trained, args.lang).items():
        share = flagged / (safe + flagged + DOUBT)
        if word in ordinary and safe + flagged >= LEAST and share > SHARE:
            found.append((-share * min(1.0, (safe + flagged) / 20), word, flagged, safe))
    for _, word, flagged, safe in sorted(found):
        print(f"{word}\t{flagged:.0f}\t{safe:.0f}")


if __name__ == "__main__":
    main()
