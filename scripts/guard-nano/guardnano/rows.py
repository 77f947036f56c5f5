"""Rows of the moderation data: what is read, how text is normalised, how much each label is trusted."""

import gzip
import json
import pathlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from guardnano.fold import fold

SEVERITIES = ("Safe", "Controversial", "Unsafe")
CATEGORIES = (
    "Violent",
    "Non-violent Illegal Acts",
    "Sexual Content or Sexual Acts",
    "PII",
    "Suicide & Self-Harm",
    "Unethical Acts",
    "Politically Sensitive Topics",
    "Copyright Violation",
    "Jailbreak",
)
INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD])
BLANK = "\t\n\v\f\r \x1c\x1d\x1e\x1f\x85\u1680\u2028\u2029\u3000"

# How far a row's severity and its categories are believed, by who labelled it (SOURCES.md, label_by:
# keyword rules agree with a source's own category in half to two thirds of the rows).
SEVERITY_TRUST = {"dataset": 1.0, "template": 1.0, "twin": 1.0, "variant": 1.0, "dataset+rule": 0.9, "rule": 0.8}
CATEGORY_TRUST = {"dataset": 1.0, "template": 1.0, "twin": 1.0, "variant": 0.0, "dataset+rule": 0.4, "rule": 0.4}


@dataclass(frozen=True)
class Row:
    """One labelled text. With a response, severity and categories judge the response."""

    text: str
    response: str | None
    lang: str
    severity: int
    categories: tuple[str, ...]
    source: str
    label_by: str
    licence: str
    refusal: bool | None = None
    kind: str = ""

    @property
    def severity_trust(self) -> float:
        return SEVERITY_TRUST[self.label_by]

    @property
    def category_trust(self) -> float:
        return CATEGORY_TRUST[self.label_by]


def normalize(text: str) -> str:
    """What the engine makes of a text before the model sees it (guardhouse.text_normalization = nfkc_fold)."""
    return fold(unicodedata.normalize("NFKC", text).translate(INVISIBLE).strip(BLANK)).strip(BLANK)


def load(folder: pathlib.Path, split: str, clean: Callable[[str], str] = normalize) -> list[Row]:
    """The rows of split ("train" or "dev") in file order, their texts as clean makes them. Raises FileNotFoundError or
    ValueError."""
    with gzip.open(pathlib.Path(folder) / f"{split}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [_row(json.loads(line), clean) for line in lines]


def load_own(folder: pathlib.Path, clean: Callable[[str], str] = normalize) -> list[Row]:
    """The product's own rows (twins or test sets): every *.jsonl of folder, by name."""
    out = []
    for path in sorted(pathlib.Path(folder).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            raw = json.loads(line)
            raw |= {"source": path.stem, "label_by": "twin", "license": "CC0-1.0"}
            out.append(_row(raw, clean))
    return out


def _row(raw: dict, clean: Callable[[str], str]) -> Row:
    if raw["severity"] not in SEVERITIES:
        raise ValueError(f"unknown severity {raw['severity']!r}")
    unknown = set(raw["categories"]) - set(CATEGORIES)
    if unknown:
        raise ValueError(f"unknown categories {sorted(unknown)}")
    return Row(
        text=clean(raw["text"]),
        response=clean(raw["response"]) if raw.get("response") else None,
        lang=raw["lang"],
        severity=SEVERITIES.index(raw["severity"]),
        categories=tuple(raw["categories"]),
        source=raw["source"],
        label_by=raw["label_by"],
        licence=raw["license"],
        refusal=_refusal(raw),
        kind=raw.get("kind", ""),
    )


def _refusal(raw: dict) -> bool | None:
    """Whether a response refuses: as labelled, else a safe one to a harmful prompt does (the data's safe
    answers to harmful prompts are refusals: JADE v3's safe side, and own refusals)."""
    if not raw.get("response"):
        return None
    if "refusal" in raw:
        return raw["refusal"]
    return raw["severity"] == "Safe" and raw["prompt_severity"] != "Safe"
