"""Forced verdicts against unforced greedy decoding over labelled texts: check_reference.py BINARY FILE.jsonl.gz [ROWS].

Where the unforced answer is in the format at all, severity, categories and refusal must be the forced verdict's. It
prints how many were compared, and fails on the first ten differences or where fewer than half of the rows could be.
"""

import gzip
import itertools
import json
import subprocess
import sys
import tempfile

import serving


def what(row):
    """A row with a response labels the response, in the light of its text."""
    if "response" not in row:
        return row["text"]
    return [{"role": "user", "content": row["text"]}, {"role": "assistant", "content": row["response"]}]


def main():
    binary, path, count = sys.argv[1], sys.argv[2], int((sys.argv[3:] or ["2000"])[0])
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = [what(json.loads(line)) for line in itertools.islice(lines, count)]
    asked = "".join(json.dumps({"id": i, "input": text}, ensure_ascii=False) + "\n" for i, text in enumerate(texts))
    with tempfile.TemporaryDirectory(prefix="guardhouse-reference-") as data:
        run = subprocess.run(
            [binary, "moderate", "--reference", "--data", data, "--jsonl", "-"],
            input=asked, capture_output=True, text=True, env=serving.environment(), check=False,
        )
    if run.returncode != 0:
        print(run.stderr.strip(), file=sys.stderr)
    compared, differ, silent, passes = 0, [], 0, {}
    for line in run.stdout.splitlines():
        verdict = json.loads(line)
        if "error" in verdict:
            sys.exit(f"row {verdict['ref']} was refused: {verdict['error']}")
        reference = verdict["reference"]
        kind = (verdict["severity"], len(verdict["categories"]))
        passes.setdefault(kind, []).append(verdict["timings"]["passes"] / verdict["timings"]["windows"])
        if not reference["severity"]:
            silent += 1
            continue
        compared += 1
        if not reference["agrees"]:
            differ.append((verdict["ref"], verdict["severity"], verdict["categories"], reference))
    for kind, counts in sorted(passes.items()):
        print(f"{kind[0]} with {kind[1]} categories: {len(counts)} rows, {sum(counts) / len(counts):.2f} passes a window")
    print(f"{compared} of {len(texts)} compared, {silent} not in the format, {len(differ)} differ")
    for difference in differ[:10]:
        print("  row", *difference)
    if run.returncode != 0 or differ or 2 * compared < len(texts) or compared + silent != len(texts):
        sys.exit(1)


if __name__ == "__main__":
    main()
