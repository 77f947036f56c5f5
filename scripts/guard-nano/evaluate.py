"""Measures guard-nano through the product's own engine, and against predictions of another program.

python evaluate.py --guardhouse bin/guardhouse --data DIR [--model FILE] --out report.json --markdown
report.md python evaluate.py --guardhouse bin/guardhouse --data DIR --model FILE --compare predictions.jsonl
python evaluate.py --data DIR --compare predictions.jsonl [--float float.jsonl] [--figures dev.json]

DIR holds dev.jsonl.gz. Without --model the model inside the program is measured. The program runs with a
data folder of its own that is gone afterwards. A file of predictions has one JSON object a line: {"id",
"safe", "controversial", "unsafe"}, and "severity", "categories", "refusal" where they are known; id is the
row's place in dev, from 0; predict.py writes them. With both, the exit status is 1 where a figure differs by
more than --tolerance. --float has predictions of the same weights before they were quantised, which the engine's
verdicts, or without it those of --compare, are held against. --figures writes what adopt.py --dev takes: of
--compare where it is given (check-data then holds the engine against PyTorch), else of the engine.
"""

import argparse
import json
import pathlib
import sys
import tempfile

from guardnano import engine, flips, measure, report, rows

HERE = pathlib.Path(__file__).resolve().parent


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line. Exits with status 2 where nothing would be measured."""
    parser = argparse.ArgumentParser(description="Measure guard-nano through the product's engine.")
    parser.add_argument(
        "--guardhouse", type=pathlib.Path, help="the program; without it --compare alone is scored"
    )
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of dev.jsonl.gz")
    parser.add_argument("--model", type=pathlib.Path, help="a GGUF file; the program's own model if left out")
    parser.add_argument(
        "--testset", type=pathlib.Path, default=HERE / "testset", help="folder of own test sets"
    )
    parser.add_argument("--compare", type=pathlib.Path, help="predictions of another program on dev")
    parser.add_argument("--float", type=pathlib.Path, help="predictions of the same weights in float32")
    parser.add_argument("--figures", type=pathlib.Path, help="write the shares for adopt.py --dev here")
    parser.add_argument(
        "--tolerance", type=float, default=0.003, help="largest difference of a figure (0.003)"
    )
    parser.add_argument(
        "--flips", type=int, default=750, help="unsafe and safe rows for each evasion (750; 0 is none)"
    )
    parser.add_argument("--strength", type=float, default=1.0, help="of the evasions, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="of the engine; 1 where the machine is busy")
    parser.add_argument("--predictions", type=pathlib.Path, help="write the engine's verdicts on dev here")
    parser.add_argument("--out", type=pathlib.Path, help="the report as JSON")
    parser.add_argument("--markdown", type=pathlib.Path, help="the report as Markdown")
    args = parser.parse_args(words)
    if not args.guardhouse and not args.compare:
        parser.error("give --guardhouse, --compare, or both")
    return args


def note(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def through_engine(args: argparse.Namespace, dev: list[rows.Row]) -> tuple[dict, list[engine.Verdict]]:
    """The report of everything that the engine is asked, and its verdicts on dev."""
    with tempfile.TemporaryDirectory() as folder:
        guard = engine.Engine(args.guardhouse, folder, args.model, args.threads)
        note(f"dev: {len(dev)} rows")
        verdicts = guard.judge([engine.conversation(r.text, r.response) for r in dev])
        out = {
            "model": guard.about,
            "seed": args.seed,
            "strength": args.strength,
            "dev": measure.dev(dev, verdicts),
        }
        own = rows.load_own(args.testset, str)
        if own:
            note(f"own test sets: {len(own)} rows")
            said = guard.judge([engine.conversation(r.text, r.response) for r in own])
            out |= {"ordinary": measure.ordinary(own, said), "tests": measure.tests(own, said)}
        if args.flips:
            note("evasions")
            out["flips"] = flips.measure(dev, verdicts, guard.judge, args.flips, args.strength, args.seed)
    return out, verdicts


def both(dev: list[rows.Row], one: list, other: list) -> tuple[list, list, list]:
    """The rows that both sets of verdicts know, and their verdicts."""
    known = [i for i in range(len(dev)) if one[i] is not None and other[i] is not None]
    return tuple([all_[i] for i in known] for all_ in (dev, one, other))


def main(words: list[str] | None = None) -> int:
    """0, or 1 where the two programs' figures are further apart than allowed."""
    args = arguments(words)
    dev = rows.load(args.data, "dev", str)
    found, verdicts = through_engine(args, dev) if args.guardhouse else ({}, None)
    if verdicts and args.predictions:
        engine.write_predictions(args.predictions, verdicts)
    other = engine.read_predictions(args.compare, dev) if args.compare else None
    apart = []
    if other:
        some = both(dev, verdicts or other, other)
        if verdicts:
            found["compare"] = measure.compare(*some)
            apart = measure.apart(found["compare"], args.tolerance)
        else:
            found = {"model": {"id": args.compare.name}, "dev": measure.dev(some[0], some[2])}
    if args.float:
        whole = engine.read_predictions(args.float, dev)
        found["float"] = measure.against_float(*both(dev, verdicts or other, whole))
    if args.figures:
        rows_, said, _ = both(dev, other or verdicts, other or verdicts)
        text = json.dumps(measure.expected(measure.dev(rows_, said)), indent=2)
        args.figures.write_text(text + "\n", encoding="utf-8")
    found["targets"] = measure.targets(found)
    if args.out:
        args.out.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if args.markdown:
        args.markdown.write_text(report.markdown(found), encoding="utf-8")
    print(report.severities({"all": found["dev"]["all"]} | found["dev"]["by_language"], "dev"))
    print(report.target_table(found["targets"]))
    if "compare" in found:
        print(report.differences(found["compare"]))
    if "float" in found:
        print(report.float_table(found["float"]))
    for name in apart:
        print(f"further apart than {args.tolerance:g}: {name}")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
