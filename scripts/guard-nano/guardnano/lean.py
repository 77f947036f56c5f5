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
APART = 0.025  # most that dev's languages may differ in accuracy and in the flagged share of Unsafe and of Safe rows


def directions(states: torch.Tensor, langs: Sequence[str]) -> dict[str, torch.Tensor]:
    """For each language (width,) u with the least squares of u·h - 1 over its states and of u·h over the others, a
    little damped."""
    h, names = states.double(), sorted(set(langs))
    damped = h.T @ h + RIDGE * len(h) * torch.eye(h.shape[1], dtype=torch.double, device=h.device)
    there = torch.tensor([[float(lang == n) for n in names] for lang in langs], dtype=torch.double)
    found = torch.linalg.solve(damped, h.T @ there.to(h.device)).float()
    return {name: found[:, i] for i, name in enumerate(names)}


def lines(
    reading: Reading, u: dict[str, torch.Tensor], langs: Sequence[str], truth: np.ndarray, wanted: float
) -> dict[str, float]:
    """The biases, one a language, at which the wanted share of the Unsafe rows is flagged, the languages are no further
    than APART from each other, and the fewest Safe rows are flagged. Where no biases do, those that miss it least."""
    logits = (reading.states @ reading.table[reading.labels].T).cpu().numpy()
    margin, kind = logits[:, 1:].max(1) - logits[:, 0], logits[:, 1:].argmax(1) + 1
    along = {k: (reading.states @ v).cpu().numpy() for k, v in u.items()}
    of = [np.array([lang == k for lang in langs]) for k in u]
    best: tuple[float, ...] = ()
    for biases in itertools.product(STEPS, repeat=len(u)):
        flagged = margin + sum(b * along[k] for b, k in zip(biases, u, strict=True)) > 0
        short = max(0.0, wanted - flagged[truth == 2].mean())
        for hit, among in (
            (flagged, truth == 0),
            (flagged, truth == 2),
            (kind * flagged == truth, truth >= 0),
        ):
            shares = [hit[at & among].mean() for at in of]
            short += max(0.0, max(shares) - min(shares) - APART)
        found = (short, flagged[truth == 0].mean(), sum(map(abs, biases)), *biases)
        best = min(best or found, found)
    return dict(zip(u, map(float, best[3:]), strict=True))


@torch.no_grad()
def shift(
    student: Student, labels: list[int], u: dict[str, torch.Tensor], biases: dict[str, float]
) -> None:
    """Adds each language's bias to the logits of the two flagging labels, in place."""
    for label in labels[1:]:
        for lang, bias in biases.items():
            student.embed.weight[label] += bias * u[lang]
