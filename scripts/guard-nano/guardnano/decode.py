"""Reads a student's answers as the product does: verdict, categories and refusal of whole conversations.

The three verdicts are probabilities of the softmax over the whole vocabulary behind "Safety:"; the largest is
forced, with "Categories:" behind it, and what follows is greedy (internal/moderation: load.go, judge.go,
parse.go, verdict.go). Guesses of what follows save passes and decide nothing: an id counts where it is what the
model would have written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from guardnano.encoder import device
from guardnano.engine import Verdict
from guardnano.model import Student
from guardnano.prompt import CONTEXT, Format
from guardnano.rows import CATEGORIES, SEVERITIES
from guardnano.teacher import batches
from guardnano.tokenizer import SPECIALS
from guardnano.windows import ANSWER_ROOM, Cutter, Message, Window

MOST_OTHER = 0.2  # mass outside the three verdicts above which an answer is not trusted


@dataclass(frozen=True)
class Reading:
    """What one window's answer says; not readable: its tail is not in the format."""

    severity: int
    scores: tuple[float, float, float]
    categories: tuple[str, ...] = ()
    refusal: bool | None = None
    readable: bool = True
    judged: bool = True

    @property
    def rank(self) -> tuple[int, int, float]:
        """What makes a window the worse one: severity, then a block before a review, then mass."""
        trusted = self.readable and 1 - sum(self.scores) <= MOST_OTHER
        action = (2 if self.severity else 0) if trusted else 1
        return self.severity, action, 1 - self.scores[0]


class Reader:
    """Judges with a student, in float32. temperature divides the logits before the softmax; context is the
    model's."""

    def __init__(self, student: Student, fmt: Format, temperature: float = 1.0, context: int = CONTEXT):
        self.student, self.fmt, self.temperature = student.eval().to(device()), fmt, temperature
        # Padded tokens at once: few stay in a processor's cache, many keep a GPU busy.
        self.size = 1024 if device().type == "cpu" else 16384
        self.cutter = Cutter(fmt, context)
        self.stop = {fmt.tok.id(s) for s in SPECIALS if s != "<|im_start|>"}
        words = [fmt.tok.encode(" " + s) for s in SEVERITIES]
        self.forced = [[*w, *fmt.categories_line] for w in words]
        # A safe response has no categories: only its last word is open.
        self.safe_response = [*self.forced[0], *fmt.none, *fmt.refusal_line]
        longest = fmt.tok.encode(" " + ", ".join(CATEGORIES) + "\nRefusal: Yes")
        self.most = min(len(longest) + 1, ANSWER_ROOM - len(self.safe_response) + 1)

    def judge(self, conversations: Sequence[Sequence[Message]]) -> list[Verdict]:
        """One verdict for each conversation, in order. Raises ValueError where there is nothing to judge."""
        windows = [self.cutter.cut(c) for c in conversations]
        flat = [w for part in windows for w in part]
        readings = iter(self._read(flat))
        return [combine([next(readings) for _ in part]) for part in windows]

    @torch.no_grad()
    def _read(self, windows: list[Window]) -> list[Reading]:
        table = self.student.table().float()
        scores, severity = self._verdicts(windows, table)
        begun: dict[int, list[int]] = {}
        for i, w in enumerate(windows):
            if severity[i] or w.response:
                begun[i] = self.forced[severity[i]] if severity[i] else self.safe_response
        tails = self._tails(windows, begun, table)
        return [self._reading(w, int(severity[i]), scores[i], tails.get(i)) for i, w in enumerate(windows)]

    def _verdicts(self, windows: list[Window], table: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """(windows, 3) probabilities, and which is the largest."""
        scores, best = np.zeros((len(windows), 3)), np.zeros(len(windows), int)
        for group, logits in self._logits([w.ids for w in windows], [1] * len(windows), table):
            x = logits / self.temperature
            three = logits[:, self.fmt.labels]
            scores[group] = (x[:, self.fmt.labels] - x.logsumexp(1, keepdim=True)).exp().cpu().numpy()
            best[group] = three.argmax(1).cpu().numpy()
        return scores, best

    def _tails(self, windows, begun: dict[int, list[int]], table) -> dict[int, list[int] | None]:
        """The greedy ids behind what was forced, without the one that ends them; None where none does."""
        done: dict[int, list[int] | None] = {}
        tails: dict[int, list[int]] = {i: [] for i in begun}
        while tails:
            open_ = list(tails)
            drafts = [self._draft(tails[i], windows[i].response, begun[i])[: self.most - 1] for i in open_]
            ids = [windows[i].ids + begun[i] + tails[i] + d for i, d in zip(open_, drafts, strict=True)]
            counts = [len(d) + 1 for d in drafts]
            for group, logits in self._logits(ids, counts, table):
                said = iter(logits.argmax(1).tolist())
                for n in group:
                    i, best = open_[n], [next(said) for _ in range(counts[n])]
                    if self._take(tails[i], drafts[n], best):
                        done[i] = tails.pop(i)
                    elif len(tails[i]) >= self.most:
                        done[i] = None
                        del tails[i]
        return done

    def _take(self, tail: list[int], draft: list[int], best: list[int]) -> bool:
        """Adds to tail what the model wrote; true where it ended."""
        for n, token in enumerate(best):
            if token in self.stop:
                return True
            tail.append(token)
            if n == len(draft) or draft[n] != token or len(tail) >= self.most:
                return False
        return False

    def _draft(self, tail: list[int], response: bool, forced: list[int]) -> list[int]:
        """What probably follows: the rest of the name that tail ends with, and of the answer."""
        if forced is self.safe_response:
            return [] if tail else self.fmt.refusal[1]
        ending = [*self.fmt.refusal_line, *self.fmt.refusal[0]] if response else []
        comma = self.fmt.comma[0]
        last = tail[len(tail) - tail[::-1].index(comma) :] if comma in tail else tail
        for name in [*self.fmt.category, self.fmt.none]:
            whole = [*name, *ending]
            if last and whole[: len(last)] == last:
                return whole[len(last) :]
        return []

    def _logits(self, ids, counts, table) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Groups of places in ids with the logits at the last counts[i] ids of each, one below the other."""
        for group in batches([len(i) for i in ids], self.size, None):
            padded = torch.zeros(len(group), max(len(ids[i]) for i in group), dtype=torch.long)
            for n, i in enumerate(group):
                padded[n, : len(ids[i])] = torch.tensor(ids[i])
            states = self.student(padded.to(device()), table)
            rows = [n for n, i in enumerate(group) for _ in range(counts[i])]
            places = [p for i in group for p in range(len(ids[i]) - counts[i], len(ids[i]))]
            yield group, states[rows, places].float() @ table.T

    def _reading(self, window: Window, severity: int, scores: np.ndarray, tail: list[int] | None) -> Reading:
        three = tuple(map(float, scores))
        if not severity and not window.response:
            return Reading(severity, three, judged=window.judged)
        text = None if tail is None else self.fmt.tok.decode(tail)
        said = None if text is None else (parse(text, window.response) if severity else parse_refusal(text))
        if said is None:
            return Reading(severity, three, readable=False, judged=window.judged)
        return Reading(severity, three, *said, judged=window.judged)


Said = tuple[tuple[str, ...], bool | None]  # categories and refusal


def parse(text: str, response: bool) -> Said | None:
    """What stands behind "Categories:", None for anything but the exact format."""
    refusal = None
    if response:
        text, line, tail = text.partition("\nRefusal:")
        said = parse_refusal(tail) if line else None
        if said is None:
            return None
        refusal = said[1]
    if text == " None":
        return (), refusal
    if not text.startswith(" "):
        return None
    names = {"PII" if n == "Personally Identifiable Information" else n for n in text[1:].split(", ")}
    return None if names - set(CATEGORIES) else (in_order(names), refusal)


def parse_refusal(text: str) -> Said | None:
    """What stands behind "Refusal:"."""
    return ((), text == " Yes") if text in (" Yes", " No") else None


def in_order(names: set[str]) -> tuple[str, ...]:
    """The names in the order of the model card."""
    return tuple(c for c in CATEGORIES if c in names)


def combine(readings: Sequence[Reading]) -> Verdict:
    """The worst window's severity and scores, all windows' categories; a response refuses only where every window
    of it does."""
    worst = max(readings, key=lambda r: r.rank)
    asked = [r.refusal for r in readings if r.judged]
    refusal = all(asked) if any(r is not None for r in asked) else None
    names = {c for r in readings for c in r.categories}
    return Verdict(worst.severity, worst.scores, in_order(names), refusal, len(readings))
