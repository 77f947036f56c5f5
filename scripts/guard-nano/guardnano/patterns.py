"""Finds the sentence patterns behind template rows, so that no pattern is seen more than others."""

import collections
import re
from collections.abc import Sequence

from guardnano.rows import Row

MOST = 40  # rows of one pattern that an epoch shows
UNIT = re.compile(r"[A-Za-z']+|[\u4e00-\u9fff]")


def copies(rows: Sequence[Row], most: int = MOST) -> list[float]:
    """How often each row is shown in an epoch: 1, or less where its pattern has more than `most` template rows.

    A row's pattern is the run of words (four, or six Chinese characters) that the most template rows share."""
    grams = [_grams(r) if r.label_by == "template" else [] for r in rows]
    count = collections.Counter(g for each in grams for g in set(each))
    sizes = [max((count[g] for g in each), default=1) for each in grams]
    return [min(1.0, most / s) for s in sizes]


def name(row: Row) -> str:
    """A pattern's name for reports: the row's text without digits and with only its first and last words."""
    units = UNIT.findall(row.text)
    return " ".join(units[:2] + ["..."] + units[-3:])


def _grams(row: Row) -> list[tuple[str, ...]]:
    units = [u.lower() for u in UNIT.findall(row.text)]
    size = 6 if row.lang == "zh" else 4
    return [(row.lang, *units[i : i + size]) for i in range(max(1, len(units) - size + 1))]
