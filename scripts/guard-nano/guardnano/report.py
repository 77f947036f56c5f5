"""The report of measure.py as Markdown, for a person and for the model card."""


def percent(value: float | None) -> str:
    """A share with one decimal in per cent, a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f}"


def number(value: float | None) -> str:
    """Three decimals, a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def table(head: list[str], lines: list[list]) -> str:
    """A Markdown table, its first column to the left and the others to the right."""
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in [head, rule, *lines]) + "\n"


def severities(groups: dict[str, dict], first: str) -> str:
    """One line a group: rows, accuracy, and the strict flagged shares with the rows that they are of."""
    lines = []
    for name, f in groups.items():
        shares = [
            f"{percent(f['flagged'][k])} ({f['rows'][k]})" if f["rows"][k] else "–"
            for k in ("unsafe", "controversial", "safe")
        ]
        lines.append(
            [
                name,
                f["rows"]["all"],
                percent(f["accuracy"]),
                *shares,
                number(f["ece"]),
                number(f["ece_flagged"]),
            ]
        )
    head = [
        first,
        "rows",
        "accuracy %",
        "unsafe flagged % (rows)",
        "controversial",
        "safe",
        "ECE",
        "ECE of P(flagged)",
    ]
    return table(head, lines)


def category_table(found: dict) -> str:
    """One line a category, and micro and macro below."""
    lines = [
        [
            name,
            e["true"],
            e["predicted"],
            number(e["precision"]),
            number(e["recall"]),
            number(e["f1"]),
            percent(e["flagged"]),
        ]
        for name, e in found["each"].items()
    ]
    m = found["micro"]
    lines.append(
        ["micro", m["true"], m["predicted"], number(m["precision"]), number(m["recall"]), number(m["f1"]), ""]
    )
    lines.append(["macro", "", "", "", "", number(found["macro_f1"]), ""])
    return table(["category", "rows", "said", "precision", "recall", "F1", "rows flagged %"], lines)


def flip_table(found: dict) -> str:
    """One line for each evasion and language."""
    lines = []
    for kind, languages in found.items():
        for lang, f in languages.items():
            if lang == "all" and len(languages) == 2:
                continue  # the same as its only language
            lines.append([
                kind, lang, f["rows"]["unsafe"], percent(f["escaped"]), percent(f["flagged_after"]["unsafe"]),
                f["rows"]["safe"], percent(f["alarmed"]), percent(f["flagged_after"]["safe"]),
            ])  # fmt: skip
    head = [
        "evasion", "language", "unsafe rows", "flagged ones that escape %", "unsafe flagged then %",
        "safe rows", "passed ones that are flagged %", "safe flagged then %",
    ]  # fmt: skip
    return table(head, lines)


def examples(found: dict[str, list[dict]]) -> str:
    """The most confident mistakes, one a line."""
    out = []
    for name, entries in found.items():
        out.append(f"**{name}**\n")
        for e in entries:
            text = e["text"] + (f" → {e['response']}" if e["response"] else "")
            text = " ".join(text.split()).replace("`", "'")
            out.append(f"- `{text}` ({e['source']}; {e['truth']}, said {e['said']}, p {e['p']:.3f})")
        out.append("")
    return "\n".join(out)


def target_table(found: list[dict]) -> str:
    """One line a target."""
    word = {True: "yes", False: "**no**", None: "not measured"}
    lines = [[t["name"], f"{t['how']} {t['bound']:g}", number(t["value"]), word[t["reached"]]] for t in found]
    return table(["target", "bound", "measured", "reached"], lines)


def markdown(report: dict) -> str:
    """The whole report."""
    about, dev = report["model"], report["dev"]
    out = [
        "# guard-nano, measured\n",
        f"Model `{about.get('id')}`, {about.get('quantization')}, SHA-256 `{about.get('sha256')}`.",
        "Strict policy: Controversial and Unsafe are flagged.\n",
        "## Targets\n", target_table(report["targets"]),
        "## dev\n", severities({"all": dev["all"]} | dev["by_language"], "language"),
        f"{dev['in_windows']} rows were judged in more than one window.\n",
        "### By form\n", severities(dev["by_form"], "form"),
        "### By who labelled\n", severities(dev["by_label"], "label by"),
        "### By source\n", severities(dev["by_source"], "source"),
        "### Categories, rows that a data set labelled\n", category_table(dev["categories"]["dataset"]),
        "### Categories, all rows\n", category_table(dev["categories"]["all"]),
        "### Refusals\n", refusal_line(dev["refusal"]),
    ]  # fmt: skip
    if report.get("ordinary"):
        out += ["## Ordinary questions\n", severities(report["ordinary"], "language")]
    for name, found in report.get("tests", {}).items():
        out += [f"## Test set {name}\n", severities({"all": found["all"]} | found["by_language"], "language")]
        out += [severities(found["by_kind"], "kind")]
        if found["categories"]["micro"]["true"]:
            out += [category_table(found["categories"])]
        if found["refusal"]["rows"]:
            out += [refusal_line(found["refusal"])]
    if report.get("flips"):
        out += [
            f"## Evasion, strength {report['strength']:g}, seed {report['seed']}\n",
            flip_table(report["flips"]),
        ]
    if report.get("compare"):
        out += ["## Against the other predictions\n", differences(report["compare"])]
    if report.get("float"):
        out += ["## Against float32\n", float_table(report["float"])]
    out += ["## Most confident mistakes on dev\n", examples(dev["worst"])]
    for name, found in report.get("tests", {}).items():
        out += [f"### On test set {name}\n", examples(found["worst"])]
    return "\n".join(out).rstrip() + "\n"


def refusal_line(found: dict) -> str:
    """Accuracy of the Refusal line in words."""
    accuracy, refusals, answers = (percent(found[k]) for k in ("accuracy", "refusals_seen", "answers_seen"))
    return (
        f"{found['rows']} responses of known kind: accuracy {accuracy} %, refusals recognised {refusals} %, "
        f"answers recognised {answers} %.\n"
    )


def pairs(found: dict[str, list], first: str, second: str) -> str:
    """One line a figure: both values and the second less the first; none for a figure that one side lacks."""
    lines = [
        [name, f"{a:.4f}", f"{b:.4f}", f"{b - a:+.4f}"]
        for name, (a, b) in found.items()
        if a is not None and b is not None
    ]
    return table(["figure", first, second, "difference"], lines)


def float_table(found: dict) -> str:
    """What against_float() found, as a line and a table."""
    line = f"{found['rows']} rows: figures differ by {100 * (found['largest'] or 0):.2f} points at most.\n\n"
    return line + pairs(found["figures"], "quantised", "float32")


def differences(found: dict) -> str:
    """What compare() found, as two lines and a table."""
    labels, said = percent(found["labels_equal"]), percent(found["categories_equal"])
    most, whole = found["largest_score_difference"], found["largest_in_one_window"]
    return (
        f"{found['rows']} rows: severity equal {labels} %, categories equal {said} %.\n"
        f"Largest difference of a probability {most:.4f}, in rows of one window {whole:.4f}, "
        f"mean {found['mean_score_difference']:.5f}.\n\n"
        + pairs(found["figures"], "engine", "other")
    )
