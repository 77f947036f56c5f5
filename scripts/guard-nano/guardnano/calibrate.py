"""One temperature for the severity's logits, so that what the model says at 0.8 is true four times in five.

Guo et al., 2017: the temperature that makes the known labels likeliest, found by golden section search.
"""

import numpy as np

LOW, HIGH = 0.3, 5.0


def temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature for (rows, 3) logits, rounded to two places, between 0.3 and 5."""
    ratio = (5**0.5 - 1) / 2
    a, b = np.log(LOW), np.log(HIGH)
    while b - a > 1e-3:
        c, d = b - ratio * (b - a), a + ratio * (b - a)
        if surprise(logits, truth, np.exp(c)) < surprise(logits, truth, np.exp(d)):
            b = d
        else:
            a = c
    return round(float(np.exp((a + b) / 2)), 2)


def surprise(logits: np.ndarray, truth: np.ndarray, at: float) -> float:
    """Mean negative log likelihood of the true labels at a temperature."""
    x = np.asarray(logits, np.float64) / at
    x = x - x.max(1, keepdims=True)
    logs = x - np.log(np.exp(x).sum(1, keepdims=True))
    return float(-logs[np.arange(len(truth)), truth].mean())
