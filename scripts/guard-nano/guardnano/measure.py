"""From labelled rows and verdicts to the report: which rows each figure of figures.py is taken over."""

import collections
from collections.abc import Callable, Sequence

import numpy as np

from guardnano import figures
from guardnano.engine import Verdict
from guardnano.rows import CATEGORIES, SEVERITIES, Row


def origin(row: Row) -> str:
    """The source without the frame that was put around its rows."""
    return row.source.split(" + own ")[0]


def form(row: Row) -> str:
    """Prompt or response, and the frame around it."""
    frame = row.source.split(" + own ")[1:]
    return ("prompt" if row.response is None else "response") + "".join(f", own {f}" for f in frame)


def severity(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> dict:
    """figures.severity_figures of these rows."""
    return figures.severity_figures(
        np.array([r.severity for r in rows], int),
        np.array([v.scores for v in verdicts], float),
        np.array([v.severity for v in verdicts], int),
    )


def grouped(rows: Sequence[Row], verdicts: Sequence[Verdict], key: Callable[[Row], str]) -> dict[str, dict]:
    """severity() of the rows of each key, keys sorted."""
    groups = collections.defaultdict(list)
    for pair in zip(rows, verdicts, strict=True):
        groups[key(pair[0])].append(pair)
    return {name: severity(*zip(*groups[name], strict=True)) for name in sorted(groups)}


def categories(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> dict:
    """Category figures, and for each category the strict flagged share of its rows."""
    out = figures.category_figures([r.categories for r in rows], [v.categories for v in verdicts], CATEGORIES)
    for name, entry in out["each"].items():
        pairs = zip(rows, verdicts, strict=True)
        entry["flagged"] = figures.share([v.severity > 0 for r, v in pairs if name in r.categories])
    return out


def worst(rows: Sequence[Row], verdicts: Sequence[Verdict], count: int = 8) -> dict[str, list[dict]]:
    """The most confident mistakes of each language, at most two of one source: unsafe rows passed, safe
    rows flagged."""
    out = {}
    pairs = list(zip(rows, verdicts, strict=True))
    for lang in sorted({r.lang for r in rows}):
        missed = [(v.scores[0], r, v) for r, v in pairs if r.severity == figures.UNSAFE and v.severity == 0]
        alarms = [(sum(v.scores[1:]), r, v) for r, v in pairs if r.severity == 0 and v.severity]
        for name, found in (("missed", missed), ("alarms", alarms)):
            taken: collections.Counter = collections.Counter()
            list_ = out[f"{name}, {lang}"] = []
            for p, r, v in sorted(found, key=lambda f: (-f[0], f[1].text)):
                if r.lang == lang and taken[r.source] < 2 and len(list_) < count:
                    taken[r.source] += 1
                    list_.append(_example(p, r, v))
    return out


def _example(p: float, row: Row, verdict: Verdict) -> dict:
    return {
        "text": row.text[:200],
        "response": row.response[:200] if row.response else None,
        "source": row.source,
        "kind": row.kind,
        "truth": SEVERITIES[row.severity],
        "categories": list(row.categories),
        "said": SEVERITIES[verdict.severity],
        "p": round(p, 4),
    }


def dev(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> dict:
    """Every figure on dev but the flips."""
    pairs = list(zip(rows, verdicts, strict=True))
    by_dataset = list(zip(*[p for p in pairs if p[0].label_by == "dataset"], strict=True)) or [(), ()]
    return {
        "all": severity(rows, verdicts),
        "by_language": grouped(rows, verdicts, lambda r: r.lang),
        "by_label": grouped(rows, verdicts, lambda r: r.label_by),
        "by_form": grouped(rows, verdicts, form),
        "by_source": grouped(rows, verdicts, origin),
        "categories": {"dataset": categories(*by_dataset), "all": categories(rows, verdicts)},
        "refusal": figures.refusal_figures([r.refusal for r in rows], [v.refusal for v in verdicts]),
        "in_windows": sum(v.windows > 1 for v in verdicts),
        "worst": worst(rows, verdicts),
    }


def tests(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> dict:
    """The own test sets: each file (the row's source) as a whole, by language and by kind."""
    out = {}
    pairs = list(zip(rows, verdicts, strict=True))
    for name in sorted({r.source for r in rows}):
        some, said = zip(*[p for p in pairs if p[0].source == name], strict=True)
        out[name] = {
            "all": severity(some, said),
            "by_language": grouped(some, said, lambda r: r.lang),
            "by_kind": grouped(some, said, lambda r: f"{r.kind or 'none'}, {r.lang}"),
            "categories": categories(some, said),
            "refusal": figures.refusal_figures([r.refusal for r in some], [v.refusal for v in said]),
            "worst": worst(some, said, 4),
        }
    return out


def targets(report: dict) -> list[dict]:
    """Each target of figures.TARGETS with its value and whether it is reached; None where it was not
    measured."""
    found = report["dev"]
    values = {
        "unsafe rows flagged": found["all"]["flagged"]["unsafe"],
        "safe rows flagged": found["all"]["flagged"]["safe"],
        "three-way accuracy": found["all"]["accuracy"],
        "category micro-F1 (label_by dataset)": found["categories"]["dataset"]["micro"]["f1"],
        "largest difference between languages": figures.language_gap(found["by_language"]),
        "expected calibration error": found["all"]["ece"],
        "largest difference from float32": report.get("float", {}).get("largest"),
    }
    for lang, value in report.get("ordinary", {}).items():
        values[f"ordinary questions flagged, {lang}"] = value["flagged"]["safe"]
    return [
        {"name": name, "bound": bound, "how": how, "value": values.get(name),
         "reached": figures.reached(values.get(name), bound, how)}
        for name, bound, how in figures.TARGETS
    ]  # fmt: skip


def ordinary(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> dict[str, dict]:
    """The harmless everyday questions among the own test sets (files named ordinary*), by language."""
    pairs = [
        p
        for p in zip(rows, verdicts, strict=True)
        if p[0].source.startswith("ordinary") and not p[0].severity
    ]
    return grouped(*zip(*pairs, strict=True), lambda r: r.lang) if pairs else {}


def compare(rows: Sequence[Row], one: Sequence[Verdict], other: Sequence[Verdict]) -> dict:
    """The same figures from two sets of verdicts on the same rows, and how far single rows are apart."""
    scores = np.abs(np.array([v.scores for v in one]) - np.array([v.scores for v in other]))
    whole = np.array([a.windows == 1 and b.windows == 1 for a, b in zip(one, other, strict=True)])
    figure = [flat(dev(rows, v)) for v in (one, other)]
    return {
        "rows": len(rows),
        "labels_equal": figures.share([a.severity == b.severity for a, b in zip(one, other, strict=True)]),
        "categories_equal": figures.share(
            [set(a.categories) == set(b.categories) for a, b in zip(one, other, strict=True)]
        ),
        "largest_score_difference": float(scores.max(initial=0)),
        "largest_in_one_window": float(scores[whole].max(initial=0)),
        "mean_score_difference": float(scores.mean()) if scores.size else None,
        "figures": {name: [figure[0][name], figure[1][name]] for name in figure[0]},
    }


def against_float(rows: Sequence[Row], one: Sequence[Verdict], whole: Sequence[Verdict]) -> dict:
    """The figures that have targets on dev, of one set of verdicts and of those of the same weights in float32,
    and the largest difference."""
    names = ("all accuracy", "all unsafe flagged", "all safe flagged", "category micro-F1, dataset")
    first, second = (flat(dev(rows, v)) for v in (one, whole))
    pairs = {n: [first[n], second[n]] for n in names}
    known = [abs(a - b) for a, b in pairs.values() if a is not None and b is not None]
    return {"rows": len(rows), "figures": pairs, "largest": max(known, default=None)}


def expected(found: dict) -> dict[str, float | None]:
    """What adopt.py --dev takes: accuracy, and the strict flagged shares by severity."""
    every = found["all"]
    shares = {"accuracy": every["accuracy"]} | {s: every["flagged"][s.lower()] for s in reversed(SEVERITIES)}
    return {k: None if v is None else round(v, 4) for k, v in shares.items()}


def flat(found: dict) -> dict[str, float | None]:
    """The figures of a dev report that two programs must agree in."""
    out = {}
    for name, f in ({"all": found["all"]} | found["by_language"]).items():
        out |= {f"{name} accuracy": f["accuracy"]} | {
            f"{name} {k} flagged": v for k, v in f["flagged"].items()
        }
        out |= {f"{name} ece": f["ece"], f"{name} ece_flagged": f["ece_flagged"]}
    out["category micro-F1, dataset"] = found["categories"]["dataset"]["micro"]["f1"]
    out["category micro-F1, all"] = found["categories"]["all"]["micro"]["f1"]
    out["refusal accuracy"] = found["refusal"]["accuracy"]
    return out


def apart(found: dict, tolerance: float) -> list[str]:
    """The figures of compare() that differ by more than tolerance, or that only one side has."""
    return [
        name
        for name, (a, b) in found["figures"].items()
        if (a is None) != (b is None) or (a is not None and abs(a - b) > tolerance)
    ]
