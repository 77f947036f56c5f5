"""Where the model draws the line between Safe and flagged: chosen on dev for each language, written into the weights.

A bias of the two flagging labels needs no tensor of its own: training makes the language readable from the last states
(`Plan.tongue`), so there are directions u_l with u_l·h near 1 for texts of the language l and near 0 for others, and b·u_l
added to a label's embedding adds b to its logit where the text is of that language. A prior moved after training:
Saerens et al., 2002, Menon et al., 2021 (logit adjustment), one for each language.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import torch

from guardnano.calibrate import Reading
from guardnano.model import Student

STEPS = np.round(np.arange(-1.5, 1.51, 0.05), 2)
RIDGE = 1e-3
APART = 0.028  # most that dev's languages may differ in accuracy and in the flagged share of Unsafe and of Safe rows
SAFE = 0.055  # most of dev's Safe rows that may be flagged


def directions(states: torch.Tensor, langs: Sequence[str]) -> dict[str, torch.Tensor]:
    """For each language (width,) u with the least squares of u·h - 1 over its states and of u·h over the others, a
    little damped."""
    h, names = states.double(), sorted(set(langs))
    damped = h.T @ h + RIDGE * len(h) * torch.eye(h.shape[1], dtype=torch.double, device=h.device)
    there = torch.tensor([[float(lang == n) for n in names] for lang in langs], dtype=torch.double)
    found = torch.linalg.solve(damped, h.T @ there.to(h.device)).float()
    return {name: found[:, i] for i, name in enumerate(names)}


class Sample:
    """How far above the line each text of a reading lies, which flagged label would be its, its language, and how far
    a language's bias moves it."""

    def __init__(self, reading: Reading, u: dict[str, torch.Tensor], langs: Sequence[str], truth: np.ndarray):
        logits = (reading.states @ reading.table[reading.labels].T).cpu().numpy()
        self.margin, self.kind = logits[:, 1:].max(1) - logits[:, 0], logits[:, 1:].argmax(1) + 1
        self.along = {k: (reading.states @ v).cpu().numpy() for k, v in u.items()}
        self.of = {k: np.array([lang == k for lang in langs]) for k in u}
        self.truth = truth

    def flagged(self, biases: dict[str, float]) -> np.ndarray:
        """Which texts are flagged with these biases."""
        return self.margin + sum(b * self.along[k] for k, b in biases.items()) > 0

    def shares(self, hit: np.ndarray, among: np.ndarray) -> list[float]:
        """The share of hits among some texts, by language."""
        return [float(hit[at & among].mean()) for at in self.of.values()]


def lines(dev: Sample, wanted: float) -> dict[str, float]:
    """The biases, one a language, at which the wanted share of dev's Unsafe rows is flagged and at most SAFE of its Safe
    ones, the languages are no further than APART from each other, and the lines stay nearest to where training left them
    (least squares). Where no biases do, those that miss it least."""
    best: tuple[float, ...] = ()
    for each in itertools.product(STEPS, repeat=len(dev.of)):
        flagged = dev.flagged(dict(zip(dev.of, each, strict=True)))
        found = (_short(dev, flagged, wanted), np.square(each).sum(), *each)
        best = min(best or found, found)
    return dict(zip(dev.of, map(float, best[2:]), strict=True))


def _short(dev: Sample, flagged: np.ndarray, wanted: float) -> float:
    """By how much dev's figures miss what is wanted, summed up."""
    safe, unsafe = dev.truth == 0, dev.truth == 2
    short = max(0.0, wanted - flagged[unsafe].mean()) + max(0.0, flagged[safe].mean() - SAFE)
    right = dev.kind * flagged == dev.truth
    for hit, among in ((flagged, safe), (flagged, unsafe), (right, dev.truth >= 0)):
        shares = dev.shares(hit, among)
        short += max(0.0, max(shares) - min(shares) - APART)
    return float(short)


@torch.no_grad()
def shift(
    student: Student, labels: list[int], u: dict[str, torch.Tensor], biases: dict[str, float]
) -> None:
    """Adds each language's bias to the logits of the two flagging labels, in place."""
    for label in labels[1:]:
        for lang, bias in biases.items():
            student.embed.weight[label] += bias * u[lang]
