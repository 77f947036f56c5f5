"""What the shipped encoders make of each token alone: the ground that the student's embeddings stand on.

Words that no training row holds then lie near words that some row holds. After Tulkens and van Dongen,
2024 (Model2Vec): one pass of the encoder over each word of the vocabulary.
"""

from collections.abc import Iterable

import torch

from guardnano.teacher import embed
from guardnano.tokenizer import Tokenizer


def known(tok: Tokenizer, english, chinese, apart: Iterable[int]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """For each encoder the ids of the tokens it knows and its unit vectors of them. english and chinese are
    (encoder, its tokenizer). Tokens that are no whole text, bytes and parts of characters, are in neither, nor are those
    apart: the words of the answer and the specials, which are learned freely."""
    free = set(apart)
    texts = [_text(tok.piece(i)) for i in range(tok.size)]
    out = []
    for encoder, chosen in ((english, str.isascii), (chinese, _han)):
        rows = [i for i, t in enumerate(texts) if t and chosen(t) and i not in free]
        out.append((torch.tensor(rows), torch.from_numpy(embed(*encoder, [texts[i] for i in rows]))))
    return out


def _text(piece: bytes) -> str:
    try:
        return piece.decode().strip()
    except UnicodeDecodeError:
        return ""


def _han(text: str) -> bool:
    return any("\u3400" <= c <= "\u9fff" for c in text)
