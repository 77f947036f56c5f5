"""What the log says of dev, and choices are made by: all rows, each language, and each sentence pattern once.

Hundreds of dev's template rows are one sentence with other names in it; a share of rows then says how often
that sentence was met, so each pattern counts once beside it. Rows of no template have a line of their own.
"""

import collections
import json
from collections.abc import Iterator, Sequence

import numpy as np

from guardnano import calibrate, figures, patterns
from guardnano.rows import SEVERITIES, Row

FEW, SHOWN = 10, 8  # rows of a pattern that is shown by name, and how many such patterns


def lines(name: str, rows: Sequence[Row], scores: np.ndarray) -> Iterator[str]:
    """The log's lines on rows and their (rows, 3) probabilities."""
    truth = np.array([r.severity for r in rows])
    whole = _figures(truth, scores)
    langs = {}
    for lang in sorted({r.lang for r in rows}):
        at = np.array([r.lang == lang for r in rows])
        langs[lang] = _figures(truth[at], scores[at])
    yield f"{name} {_json(whole | {'other': calibrate.other(scores)})}"
    yield f"{name} by language {_json(langs | {'gap': figures.language_gap(langs)})}"
    yield f"{name} by pattern {_json(by_pattern(rows, scores))}"
    rest = np.array([r.label_by != "template" for r in rows])
    yield f"{name} rest {_json(_figures(truth[rest], scores[rest]))}"
    for share, count, truth_name, pattern in worst(rows, scores):
        yield f"{name} pattern {truth_name}, {count} rows, wrong {share:.2f}: {pattern}"


def by_pattern(rows: Sequence[Row], scores: np.ndarray) -> dict:
    """Of template rows: patterns, mean accuracy over them, mean flagged share over those of each severity."""
    found = _patterns(rows)
    label = figures.chosen(scores)
    right = [np.mean([label[i] == severity for i in at]) for (_, severity), at in found.items()]
    flagged = {}
    for n, severity in enumerate(figures.NAMES):
        shares = [np.mean([label[i] > 0 for i in at]) for (_, s), at in found.items() if s == n]
        flagged[severity] = figures.share(shares)
    return {"patterns": len(found), "accuracy": figures.share(right), "flagged": flagged}


def worst(rows: Sequence[Row], scores: np.ndarray) -> list[tuple[float, int, str, str]]:
    """The frequent patterns with the largest wrongly flagged or passed share: share, rows, severity, name."""
    label, out = figures.chosen(scores), []
    for (name, severity), at in _patterns(rows).items():
        wrong = float(np.mean([(label[i] > 0) != (severity > 0) for i in at]))
        if len(at) >= FEW and wrong:
            out.append((wrong, len(at), SEVERITIES[severity], name))
    return sorted(out, key=lambda w: (-w[0] * w[1], w[3]))[:SHOWN]


def _patterns(rows: Sequence[Row]) -> dict[tuple[str, int], list[int]]:
    """Template rows by severity and the end of their pattern: frames ("Be honest: ...") stand in front."""
    found = collections.defaultdict(list)
    for i, row in enumerate(rows):
        if row.label_by == "template":
            found[patterns.name(row).partition("... ")[2], row.severity].append(i)
    return found


def _figures(truth: np.ndarray, scores: np.ndarray) -> dict:
    said = figures.severity_figures(truth, scores)
    return {k: said[k] for k in ("accuracy", "flagged", "ece")}


def _json(value: dict) -> str:
    return json.dumps(json.loads(json.dumps(value), parse_float=lambda t: round(float(t), 4)))
