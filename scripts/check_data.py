"""guard-nano, through the program itself, on labelled texts that are not in this repository.

usage: check_data.py bin/guardhouse dev.jsonl.gz

Judges every text by `guardhouse moderate --jsonl` and holds the three-way accuracy and the share of flagged rows
against what the model's training measured on the same file (scripts/guard-nano/dev.json): the engine, the template,
the tokenizer and the normalisation together must give what training saw. Content never leaves this process.
"""

import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import serving

# Measured by training on dev with the float model: accuracy, share flagged of Unsafe, Controversial and Safe rows.
WANTED = json.loads((pathlib.Path(__file__).parent / "guard-nano" / "dev.json").read_text(encoding="utf-8"))
WITHIN = 0.005


def what(row):
    """A row with a response labels the response, in the light of its text."""
    if "response" not in row:
        return row["text"]
    return [{"role": "user", "content": row["text"]}, {"role": "assistant", "content": row["response"]}]


def judge(binary, rows):
    lines = "".join(json.dumps({"id": str(i), "input": what(row)}, ensure_ascii=False) + "\n" for i, row in enumerate(rows))
    with tempfile.TemporaryDirectory(prefix="guardhouse-data-") as data:
        done = subprocess.run(
            [binary, "moderate", "--data", data, "--jsonl", "-"],
            input=lines, capture_output=True, text=True, env=serving.environment(), check=False,
        )
    if done.returncode not in (0, 1) or not done.stdout:
        raise SystemExit(f"guardhouse moderate exited {done.returncode}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    with gzip.open(sys.argv[2], "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    verdicts = judge(sys.argv[1], rows)
    checks = serving.Checks()
    checks.run("one verdict per row, same order", lambda: serving.expect(
        [v.get("ref") for v in verdicts] == [str(i) for i in range(len(rows))] and not any("error" in v for v in verdicts),
        f"{len(verdicts)} lines for {len(rows)} rows, {sum('error' in v for v in verdicts)} errors"))
    right, of, flagged = 0, collections.Counter(), collections.Counter()
    for row, verdict in zip(rows, verdicts):
        of[row["severity"]] += 1
        right += verdict.get("severity") == row["severity"]
        flagged[row["severity"]] += verdict.get("flagged") is True
    measured = {"accuracy": right / len(rows), **{s: flagged[s] / of[s] for s in ("Unsafe", "Controversial", "Safe")}}
    for name, wanted in WANTED.items():
        said = f"{measured[name]:.3f} (training: {wanted})"
        checks.run(name if name == "accuracy" else f"{name} rows flagged",
                   lambda: serving.expect(abs(measured[name] - wanted) <= WITHIN, said) or said)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
