"""The student: a Qwen3 decoder (RMS norms, per-head norms of queries and keys, rotary places, gated FFN,
tied embeddings), as llama.cpp's architecture `qwen3` computes it. Qwen3 technical report, 2025."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

from guardnano.encoder import attend

SPREAD = 0.05  # standard deviation of the embeddings at the start


@dataclass(frozen=True)
class Config:
    """Shape of the student."""

    vocab: int = 24576
    width: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    head_size: int = 64
    inner: int = 768
    theta: float = 10000.0
    eps: float = 1e-6

    def gguf(self) -> dict[str, int | float | str]:
        """The metadata that the engine needs of the shape."""
        return asdict(self)


class Norm(nn.Module):
    """Root mean square norm over the last axis, computed in float32."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


class Layer(nn.Module):
    """One pre-norm decoder layer."""

    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        self.attn_norm = Norm(c.width, c.eps)
        self.q = nn.Linear(c.width, c.heads * c.head_size, bias=False)
        self.k = nn.Linear(c.width, c.kv_heads * c.head_size, bias=False)
        self.v = nn.Linear(c.width, c.kv_heads * c.head_size, bias=False)
        self.out = nn.Linear(c.heads * c.head_size, c.width, bias=False)
        self.q_norm = Norm(c.head_size, c.eps)
        self.k_norm = Norm(c.head_size, c.eps)
        self.ffn_norm = Norm(c.width, c.eps)
        self.gate = nn.Linear(c.width, c.inner, bias=False)
        self.up = nn.Linear(c.width, c.inner, bias=False)
        self.down = nn.Linear(c.inner, c.width, bias=False)

    def forward(self, x: torch.Tensor, turn, drop: float) -> torch.Tensor:
        b, n, _ = x.shape
        c, h = self.c, self.attn_norm(x)
        q = self.q_norm(self.q(h).view(b, n, c.heads, c.head_size))
        k = self.k_norm(self.k(h).view(b, n, c.kv_heads, c.head_size))
        v = self.v(h).view(b, n, c.kv_heads, c.head_size).transpose(1, 2)
        q, k = (rotate(t.transpose(1, 2), *turn[:2]).to(v.dtype) for t in (q, k))
        k, v = (t.repeat_interleave(c.heads // c.kv_heads, 1) for t in (k, v))
        y = attend(q, k, v, turn[2])
        x = x + F.dropout(self.out(y.transpose(1, 2).reshape(b, n, -1)), drop, self.training)
        h = self.ffn_norm(x)
        return x + F.dropout(self.down(F.silu(self.gate(h)) * self.up(h)), drop, self.training)


class Student(nn.Module):
    """Answers hidden states; logits of chosen tokens come from the tied embedding.

    known are (rows, vectors) of words that an encoder knows: their embedding is a learned map of the vector,
    one map an encoder, and what is learned of the word itself, nothing at first. So words that training hardly
    shows move as their neighbours do. The file holds the sum."""

    def __init__(self, c: Config, known: Sequence[tuple[torch.Tensor, torch.Tensor]] = (), drop: float = 0.0):
        super().__init__()
        self.c, self.drop, self.known = c, drop, len(known)
        self.embed = nn.Embedding(c.vocab, c.width)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.norm = Norm(c.width, c.eps)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=SPREAD if "embed" in name else c.width**-0.5)
            if name.endswith(("out.weight", "down.weight")):
                p.data /= (2 * c.layers) ** 0.5
        for n, (rows, vectors) in enumerate(known):
            self.register_buffer(f"rows{n}", rows)
            self.register_buffer(f"vectors{n}", vectors - vectors.mean(0))
            self.embed.weight.data[rows] = 0.0
        self.maps = nn.ModuleList(nn.Linear(v.shape[1], c.width, bias=False) for _, v in known)
        for n, layer in enumerate(self.maps):
            layer.weight.data.copy_(principal(getattr(self, f"vectors{n}"), c.width, SPREAD))

    def table(self) -> torch.Tensor:
        """(vocabulary, width): the embedding of every token."""
        table = self.embed.weight
        for n, layer in enumerate(self.maps):
            table = table.index_add(0, getattr(self, f"rows{n}"), layer(getattr(self, f"vectors{n}")).float())
        return table

    def forward(self, ids: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """(batch, length) ids, padded on the right, to (batch, length, width) normed states. Padding needs
        no mask: nothing looks ahead."""
        x = F.dropout(F.embedding(ids, table), self.drop, self.training)
        turn = [t.to(ids.device) for t in angles(ids.shape[1], self.c)]
        for layer in self.layers:
            x = layer(x, turn, self.drop)
        return self.norm(x)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The weights under their GGUF names."""
        names = {
            "q": "attn_q", "k": "attn_k", "v": "attn_v", "out": "attn_output", "q_norm": "attn_q_norm",
            "k_norm": "attn_k_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
        }  # fmt: skip
        out = {"token_embd.weight": self.table(), "output_norm.weight": self.norm.weight}
        for i, layer in enumerate(self.layers):
            for name, p in layer.named_parameters():
                stem = name.removesuffix(".weight")
                out[f"blk.{i}.{names.get(stem, stem)}.weight"] = p
        return {k: v.detach().float().cpu() for k, v in out.items()}


def principal(vectors: torch.Tensor, width: int, spread: float) -> torch.Tensor:
    """(width, wide) map onto the first principal components of centred vectors, each damped to the square root of
    its spread so that the first few do not drown the rest; the products have the standard deviation spread."""
    _, s, v = torch.linalg.svd(vectors, full_matrices=False)
    if len(s) < width:
        raise ValueError("the encoder is narrower than the student")
    onto = v[:width] / s[:width, None].sqrt()
    return onto * (spread / (vectors @ onto.T).std())


def angles(length: int, c: Config) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cosines and sines of the rotary places (Su et al., 2021), halves paired as NeoX does, and the mask
    that hides what comes later."""
    step = c.theta ** (-torch.arange(0, c.head_size, 2).float() / c.head_size)
    a = torch.arange(length).float()[:, None] * step
    a = torch.cat((a, a), -1)
    return a.cos(), a.sin(), torch.full((length, length), float("-inf")).triu(1)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """x turned by its place."""
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin
