"""Where the model draws the line between Safe and flagged: chosen on dev, written into the weights.

A bias of the two flagging labels needs no tensor of its own: the last states have a direction u with u·h near 1 whatever
the text (they all lie on one shell around their mean), so b·u added to a label's embedding adds b to its logit.
"""

import numpy as np
import torch

from guardnano.calibrate import Reading
from guardnano.model import Student

STEPS = np.round(np.arange(-4, 4.01, 0.05), 2)
RIDGE = 1e-3


def direction(states: torch.Tensor) -> torch.Tensor:
    """(width,) u with the least squares of u·h - 1 over the states, a little damped."""
    h = states.double()
    damped = h.T @ h + RIDGE * len(h) * torch.eye(h.shape[1], dtype=torch.double, device=h.device)
    return torch.linalg.solve(damped, h.sum(0)).float()


def smallest(reading: Reading, u: torch.Tensor, truth: np.ndarray, wanted: float) -> float:
    """The smallest bias at which at least the wanted share of the Unsafe rows is flagged; the largest tried where none
    does."""
    logits = (reading.states @ reading.table[reading.labels].T).cpu().numpy()[truth == 2]
    along = (reading.states @ u).cpu().numpy()[truth == 2]
    margin = logits[:, 1:].max(1) - logits[:, 0]
    for bias in STEPS:
        if (margin + bias * along > 0).mean() >= wanted:
            return float(bias)
    return float(STEPS[-1])


@torch.no_grad()
def shift(student: Student, labels: list[int], u: torch.Tensor, bias: float) -> None:
    """Adds the bias to the logits of the two flagging labels, in place."""
    for label in labels[1:]:
        student.embed.weight[label] += bias * u
