"""One temperature for the logits, so that what the model says at 0.8 is true four times in five.

Guo et al., 2017: the temperature that makes the known labels likeliest, found by golden section search. As
in the engine, probabilities are of all tokens, so what no severity gets is missing from their sum.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from guardnano.encoder import device
from guardnano.examples import Example
from guardnano.model import Student
from guardnano.prompt import Format
from guardnano.teacher import batches

LOW, HIGH = 0.3, 5.0
OTHER = 0.01  # most that tokens which are no severity may get on dev, in the mean
PART = 512  # rows whose logits are held at once


class Refused(Exception):
    """The model must not become a file; the text says why."""


class Reading:
    """The states in which a student decides the severity of examples."""

    @torch.no_grad()
    def __init__(self, student: Student, examples: Sequence[Example], fmt: Format, size: int = 16384):
        student.eval().to(device())
        self.table, self.labels = student.table().float(), fmt.labels
        self.states = torch.zeros(len(examples), student.c.width, device=device())
        for group in batches([e.at for e in examples], size, None):
            part = [examples[i] for i in group]
            ids = torch.zeros(len(part), max(e.at for e in part), dtype=torch.long)
            for n, e in enumerate(part):
                ids[n, : e.at] = torch.tensor(e.ids[: e.at])
            with torch.autocast(device().type, torch.bfloat16):
                out = student(ids.to(device()), self.table)
            self.states[group] = out[torch.arange(len(part)), [e.at - 1 for e in part]].float()

    @torch.no_grad()
    def logs(self, temperature: float = 1.0) -> np.ndarray:
        """(rows, 3) logarithms of the severities' probabilities among all tokens."""
        out = [np.zeros((0, 3))]
        for states in self.states.split(PART):
            logits = states @ self.table.T / temperature
            known = logits[:, self.labels].double() - logits.logsumexp(1, keepdim=True).double()
            out.append(known.cpu().numpy())
        return np.concatenate(out)

    def scores(self, temperature: float = 1.0) -> np.ndarray:
        """(rows, 3) probabilities, as the engine reports them and figures.py takes them."""
        return np.exp(self.logs(temperature))


def temperature(reading: Reading, truth: np.ndarray) -> float:
    """The best temperature for the true severities, rounded to two places, between 0.3 and 5."""
    best = golden(lambda t: surprise(reading.logs(np.exp(t)), truth), np.log(LOW), np.log(HIGH))
    return round(float(np.exp(best)), 2)


def golden(f: Callable[[float], float], a: float, b: float, close: float = 1e-3) -> float:
    """Where f, which falls and then rises, is least between a and b (Kiefer, 1953)."""
    ratio = (5**0.5 - 1) / 2
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    at_c, at_d = f(c), f(d)
    while b - a > close:
        if at_c < at_d:
            b, d, at_d = d, c, at_c
            c = b - ratio * (b - a)
            at_c = f(c)
        else:
            a, c, at_c = c, d, at_d
            d = a + ratio * (b - a)
            at_d = f(d)
    return (a + b) / 2


def surprise(logs: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative log likelihood of the true severities."""
    return float(-logs[np.arange(len(truth)), truth].mean())


def other(scores: np.ndarray) -> float:
    """The mean probability of tokens that are no severity."""
    return float(1 - scores.sum(1).mean())


def check(scores: np.ndarray) -> None:
    """Refuses a model that often says something else: over 0.2 the engine's every verdict would be review."""
    if not other(scores) <= OTHER:
        raise Refused(f"tokens that are no severity get {other(scores):.4f} on dev, more than {OTHER}")
