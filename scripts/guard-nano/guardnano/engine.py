"""Verdicts of the product's own engine, and predictions kept in a file, in one form."""

import json
import os
import pathlib
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from guardnano.figures import chosen
from guardnano.rows import SEVERITIES, Row

MODEL = "measured"


@dataclass(frozen=True)
class Verdict:
    """What was said of one conversation. scores are the probabilities of Safe, Controversial and Unsafe."""

    severity: int
    scores: tuple[float, float, float]
    categories: tuple[str, ...] = ()
    refusal: bool | None = None
    windows: int = 1


def conversation(text: str, response: str | None) -> list[dict[str, str]]:
    """The messages of a row: the last one is judged."""
    answer = [{"role": "assistant", "content": response}] if response is not None else []
    return [{"role": "user", "content": text}, *answer]


class Engine:
    """A guardhouse program with a data folder of its own. With model, that GGUF file is imported and
    judges.

    threads is the engine's own setting: 1 where other programs use the machine, as its threads wait for
    each other. Raises RuntimeError with the program's own words where it refuses."""

    def __init__(
        self, program: pathlib.Path, folder: pathlib.Path, model: pathlib.Path | None = None, threads: int = 0
    ):
        self.threads = threads
        self.program, self.folder = pathlib.Path(program).resolve(), pathlib.Path(folder).resolve()
        self.about: dict = {}
        self._options = []
        if model is not None:
            self._run("model", "import", str(pathlib.Path(model).resolve()), "--id", MODEL, "--kind", "guard")
            self._options = ["--model", MODEL]

    def judge(self, conversations: Sequence[list[dict[str, str]]]) -> list[Verdict]:
        """One verdict for each conversation, in order."""
        if not conversations:
            return []
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            lines = pathlib.Path(scratch, "lines.jsonl")
            with lines.open("w", encoding="utf-8") as out:
                for i, messages in enumerate(conversations):
                    out.write(json.dumps({"id": i, "input": messages}, ensure_ascii=False) + "\n")
            said = self._run("moderate", "--policy", "strict", "--jsonl", str(lines), *self._options)
        answers = [json.loads(line) for line in said.splitlines()]
        if [a.get("ref") for a in answers] != list(range(len(conversations))):
            raise RuntimeError(f"{len(answers)} answers to {len(conversations)} lines, or in another order")
        self.about = answers[0]["model"]
        return [_verdict(a) for a in answers]

    def _run(self, *words: str) -> str:
        # Settings of the person who measures must not change what is measured: no variables, no file here.
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GUARDHOUSE_")}
        clean["GUARDHOUSE_ENGINE_THREADS"] = str(self.threads)
        done = subprocess.run(
            [str(self.program), *words, "--data", str(self.folder / "data")],
            capture_output=True, text=True, encoding="utf-8", cwd=self.folder, env=clean, check=False,
        )  # fmt: skip
        if done.returncode:
            refused = [line for line in done.stdout.splitlines() if '"error"' in line][:3]
            raise RuntimeError("\n".join([f"guardhouse {words[0]}: {done.stderr.strip()}", *refused]))
        return done.stdout


def _verdict(answer: dict) -> Verdict:
    scores = tuple(float(answer["scores"][name.lower()]) for name in SEVERITIES)
    severity = SEVERITIES.index(answer["severity"])
    if answer["flagged"] != (severity > 0):
        raise RuntimeError("flagged is not what the strict policy says: " + json.dumps(answer))
    return Verdict(
        severity, scores, tuple(answer["categories"]), answer["refusal"], answer["timings"]["windows"]
    )


def write_predictions(
    path: pathlib.Path, verdicts: Iterable[Verdict], places: Iterable[int] | None = None
) -> None:
    """One JSON object a line: id (the row's place in dev), safe, controversial, unsafe, and the rest of the
    verdict. places are the rows' places where not all of them were judged."""
    with open(path, "w", encoding="utf-8") as out:
        for i, v in enumerate(verdicts) if places is None else zip(places, verdicts, strict=True):
            scores = dict(zip(map(str.lower, SEVERITIES), v.scores, strict=True))
            rest = {"severity": SEVERITIES[v.severity], "categories": v.categories, "refusal": v.refusal}
            out.write(json.dumps({"id": i} | scores | rest | {"windows": v.windows}) + "\n")


def read_predictions(path: pathlib.Path, rows: Sequence[Row]) -> list[Verdict | None]:
    """What write_predictions wrote, or another program with at least the ids and the three probabilities.

    None for a row without a line. Raises ValueError for an id that is no row or comes twice."""
    out: list[Verdict | None] = [None] * len(rows)
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        at = int(raw["id"])
        if not 0 <= at < len(rows) or out[at] is not None:
            raise ValueError(f"{path}: id {at} is no row of dev, or comes twice")
        scores = tuple(float(raw[name.lower()]) for name in SEVERITIES)
        severity = SEVERITIES.index(raw["severity"]) if "severity" in raw else int(chosen([scores])[0])
        # A verdict of Safe has no categories, whatever the model's head would have said.
        categories = tuple(raw.get("categories") or ()) if severity else ()
        out[at] = Verdict(severity, scores, categories, raw.get("refusal"), raw.get("windows", 1))
    return out
