"""What compare.py makes of the measurements: rates over the texts that two programs both finished, and one table."""

import statistics


def rate(samples, texts):
    """Verdicts a second over these texts: from the first one's start to the last one's answer."""
    chosen = [s for s in samples if s["text"] in texts]
    if not chosen:
        return 0.0
    began = min(s["at_ms"] for s in chosen)
    ended = max(s["at_ms"] + s["took_ms"] for s in chosen)
    return 1000 * len(chosen) / (ended - began)


def finished(run):
    return {s["text"] for s in run["samples"]}


def middle(values):
    return statistics.median(values) if values else 0.0


def nearest_rank(values, share):
    """The smallest value that at least this share does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-(share * len(ordered) - 1e-9) // 1) - 1)] if ordered else 0.0


def pairs(runs, clients, mode, ours, peer):
    """Runs of both programs over the same texts, round by round."""
    def of(name):
        return {r["round"]: r for r in runs if (r["program"], r["clients"], r["mode"]) == (name, clients, mode)}
    mine, theirs = of(ours), of(peer)
    return [(mine[n], theirs[n]) for n in sorted(mine) if n in theirs]


def compare(runs, clients, mode, ours, peer):
    """Rates, ratios, processor time and labels of one pairing, None where it was not measured."""
    both = pairs(runs, clients, mode, ours, peer)
    if not both:
        return None
    rows = []
    for mine, theirs in both:
        common = finished(mine) & finished(theirs)
        labels = [{s["text"]: s["label"] for s in run["samples"] if s["text"] in common} for run in (mine, theirs)]
        rows.append({
            "texts": len(common), "ours": rate(mine["samples"], common), "peer": rate(theirs["samples"], common),
            "same_label": sum(labels[0][t] == labels[1][t] for t in common),
        })
    rows = [row for row in rows if row["peer"]]
    return {
        "clients": clients, "mode": mode, "peer": peer, "rounds": rows, "texts": sum(r["texts"] for r in rows), "same_label": sum(r["same_label"] for r in rows),
        "ours": middle([r["ours"] for r in rows]), "theirs": middle([r["peer"] for r in rows]),
        "ratio": middle([r["ours"] / r["peer"] for r in rows]), "ratio_lowest": min((r["ours"] / r["peer"] for r in rows), default=0.0),
        "cpu_ratio": middle([theirs["cpu_ms"] / mine["cpu_ms"] for mine, theirs in both if mine["cpu_ms"]]),
    }


def summary(runs, program, clients, mode):
    mine = [r for r in runs if (r["program"], r["clients"], r["mode"]) == (program, clients, mode)]
    took = [s["took_ms"] for r in mine for s in r["samples"]]
    rates = [r["per_second"] for r in mine]
    return {
        "program": program, "clients": clients, "mode": mode, "verdicts": len(took), "errors": sum(sum(r["errors"].values()) for r in mine),
        "per_second": middle(rates), "lowest": min(rates, default=0.0), "highest": max(rates, default=0.0),
        "p50": nearest_rank(took, 0.5), "p95": nearest_rank(took, 0.95), "p99": nearest_rank(took, 0.99), "cpu_ms": middle([r["cpu_ms"] for r in mine]),
    }


def markdown(report):
    """The whole comparison as text for people."""
    lines = [
        f"Model: {report['model']['name']}, {report['model']['bytes'] / 1e6:.1f} MB. {report['machine']['cpu']}, {report['machine']['cores']} cores, "
        f"load {report['machine']['load_before']:.1f} before, {report['machine']['load_after']:.1f} after. Guardhouse over HTTPS with key, gate and durable audit; the others over plain HTTP without any.",
        *(["", "**The machine was busy. Threads that spin while they wait lose more than their share then: no ratio of this run says anything.**"] if report["machine"]["load_before"] > 1 else []),
        "",
        "| clients | asked for | program | verdicts/s, median (lowest to highest round) | p50 ms | p95 ms | p99 ms | CPU ms a verdict | verdicts | errors |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for s in report["summary"]:
        if s["verdicts"] or s["errors"]:
            lines.append(
                f"| {s['clients']} | {s['mode']} | {s['program']} | {s['per_second']:.2f} ({s['lowest']:.2f} to {s['highest']:.2f}) | {s['p50']:.1f} | {s['p95']:.1f} | {s['p99']:.1f} "
                f"| {s['cpu_ms']:.2f} | {s['verdicts']} | {s['errors']} |")
    lines += [
        "", "Guardhouse against each, over the texts that both finished in a round; ratios are medians of the rounds.", "",
        "| clients | asked for | against | texts | ours/s | theirs/s | ratio (lowest round) | ratio of CPU time | same label |", "|---|---|---|---|---|---|---|---|---|",
    ]
    for c in report["comparisons"]:
        lines.append(
            f"| {c['clients']} | {c['mode']} | {c['peer']} | {c['texts']} | {c['ours']:.2f} | {c['theirs']:.2f} | {c['ratio']:.2f} ({c['ratio_lowest']:.2f}) | {c['cpu_ratio']:.2f} "
            f"| {c['same_label']} of {c['texts']} |")
    lines += ["", "| program | settings | start to first answer | resident at the end |", "|---|---|---|---|"]
    for p in report["programs"]:
        lines.append(f"| {p['program']} | `{' '.join(p['settings']) or 'defaults'}` | {p['first_answer_ms']:.0f} ms | {p['resident_mib']:.0f} MiB |")
    if report["prefill"]:
        lines += ["", "Bare forward pass by llama-bench, flash attention on:", "", "| test | tokens/s |", "|---|---|"]
        lines += [f"| {row['test']} | {row['tokens_per_second']:.1f} |" for row in report["prefill"]]
    return "\n".join(lines) + "\n"
