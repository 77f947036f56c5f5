"""Where the student's embeddings begin: what the shipped encoders make of each token alone.

Words that no training row holds then lie near words that some row holds. After Tulkens and van Dongen,
2024 (Model2Vec): one pass of the encoder over each word, then principal components.
"""

import numpy as np
import torch

from guardnano.teacher import embed
from guardnano.tokenizer import Tokenizer


def vectors(tok: Tokenizer, english, chinese, width: int, spread: float, seed: int) -> torch.Tensor:
    """(vocabulary, width) float32 with standard deviation spread. english and chinese are (encoder, its
    tokenizer); tokens that are no whole text begin at random."""
    rng = np.random.default_rng(seed)
    out = rng.normal(0, spread, (tok.size, width)).astype(np.float32)
    texts = [_text(tok.piece(i)) for i in range(tok.size)]
    for encoder, chosen in ((english, _latin), (chinese, _han)):
        at = [i for i, t in enumerate(texts) if t and chosen(t)]
        x = embed(*encoder, [texts[i] for i in at])
        out[at] = _principal(x, width) * spread
    return torch.from_numpy(out)


def _principal(x: np.ndarray, width: int) -> np.ndarray:
    """x on its first principal components, each row of unit standard deviation. Components are damped to the
    square root of their spread, so that the first few do not drown the rest."""
    x = x - x.mean(0)
    _, s, v = np.linalg.svd(x, full_matrices=False)
    y = x @ v[:width].T / np.sqrt(s[:width])
    if y.shape[1] < width:
        raise ValueError("the encoder is narrower than the student")
    return y / y.std(1, keepdims=True)


def _text(piece: bytes) -> str:
    try:
        return piece.decode().strip()
    except UnicodeDecodeError:
        return ""


def _latin(text: str) -> bool:
    return text[0].isascii() and text.isascii()


def _han(text: str) -> bool:
    return any("\u3400" <= c <= "\u9fff" for c in text)
