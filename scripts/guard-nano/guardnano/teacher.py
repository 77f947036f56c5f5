"""Teachers: shipped sentence encoders, fine-tuned on the training rows of their language.

What a small model learns from them is how sure to be: they know words that our rows never use.
"""

import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from guardnano.encoder import Encoder, both, device
from guardnano.prompt import cut
from guardnano.rows import CATEGORIES, Row

LONGEST = 128  # wordpieces; the middle of a longer text is cut out


class Teacher(nn.Module):
    """An encoder with three heads: severity (3), categories (9), refusal (2)."""

    def __init__(self, body: Encoder):
        super().__init__()
        self.body = body
        self.mix = nn.Linear(2 * body.width, body.width)
        self.head = nn.Linear(body.width, 3 + len(CATEGORIES) + 2)

    def forward(self, ids, kinds, mask):
        return self.tell(ids, kinds, mask)[0]

    def tell(self, ids, kinds, mask):
        """Logits, and the vector that they are read from."""
        x = torch.tanh(self.mix(both(self.body, ids, kinds, mask))).float()
        return self.head(F.dropout(x, 0.1, self.training)), x


def encode(tokens, rows: list[Row]) -> list[tuple[list[int], list[int]]]:
    """Ids and segment numbers of each row: [CLS] text [SEP] (response [SEP])."""
    cls, sep = tokens.token_to_id("[CLS]"), tokens.token_to_id("[SEP]")
    texts = [e.ids for e in tokens.encode_batch([r.text for r in rows], add_special_tokens=False)]
    answers = tokens.encode_batch([r.response or "" for r in rows], add_special_tokens=False)
    out = []
    for row, a, b in zip(rows, texts, answers):
        if row.response is None:
            ids = [cls, *cut(a, LONGEST), sep]
            out.append((ids, [0] * len(ids)))
            continue
        a, b = cut(a, LONGEST // 3), cut(b.ids, LONGEST)
        out.append(([cls, *a, sep, *b, sep], [0] * (len(a) + 2) + [1] * (len(b) + 1)))
    return out


def batches(lengths: list[int], tokens: int, rng: random.Random | None) -> list[list[int]]:
    """Groups of indices of like length, at most `tokens` padded tokens each, in random order."""
    order = list(range(len(lengths)))
    if rng:
        rng.shuffle(order)
    out = []
    for start in range(0, len(order), 4096):
        part = sorted(order[start : start + 4096], key=lambda i: lengths[i])
        group: list[int] = []
        for i in part:
            if group and lengths[i] * (len(group) + 1) > tokens:
                out.append(group)
                group = []
            group.append(i)
        out.append(group)
    if rng:
        rng.shuffle(out)
    return out


def pad(items: list[tuple[list[int], list[int]]]):
    """Three tensors (ids, segments, mask) of one group."""
    longest = max(len(i) for i, _ in items)
    ids = np.zeros((len(items), longest), np.int64)
    kinds = np.zeros_like(ids)
    mask = np.zeros_like(ids, bool)
    for n, (i, k) in enumerate(items):
        ids[n, : len(i)], kinds[n, : len(k)], mask[n, : len(i)] = i, k, True
    return tuple(torch.from_numpy(x).to(device()) for x in (ids, kinds, mask))


def labels(rows: list[Row]):
    """Severity, category indicators, refusal (-1 where unknown) and the two trusts of each row."""
    severity = torch.tensor([r.severity for r in rows])
    cats = torch.tensor([[float(c in r.categories) for c in CATEGORIES] for r in rows])
    refusal = torch.tensor([-1 if r.refusal is None else int(r.refusal) for r in rows])
    trust = torch.tensor([[r.severity_trust, r.category_trust] for r in rows])
    return severity, cats, refusal, trust


def fit(
    teacher: Teacher, tokens, rows, epochs, rate, seed, log, size=3000, begun=None, save=None, every=600.0
) -> None:
    """Fine-tunes in place. AdamW, linear warm-up and decay, bf16 products. save is called with all that is
    needed to go on, every `every` seconds; given back as begun, the run goes on as if it had not stopped."""
    rng, items = random.Random(seed), encode(tokens, rows)
    lengths = [len(i) for i, _ in items]
    teacher.to(device()).train()
    target = [t.to(device()) for t in labels(rows)]
    # Words stay where they are: those that no row holds then keep their place among those that some does.
    for frozen in (teacher.body.word, teacher.body.place):
        frozen.weight.requires_grad_(False)
    params = [p for p in teacher.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr=rate, weight_decay=0.01, fused=True)
    plan = [g for _ in range(epochs) for g in batches(lengths, size, rng)]
    typical = epochs * len(rows) / len(plan)  # every row weighs the same, whatever its group's size
    first = 0
    if begun:
        teacher.load_state_dict(begun["teacher"])
        opt.load_state_dict(begun["opt"])
        first = begun["step"]
        log(f"teacher goes on at step {first}/{len(plan)}")
    last = start = time.monotonic()
    for step in range(first, len(plan)):
        at = (step + 1) / len(plan)
        for g in opt.param_groups:
            g["lr"] = rate * min(at / 0.06, (1 - at) / 0.94 + 1e-3)
        torch.manual_seed(seed * 1_000_000 + step)  # dropout, the same after a stop
        group = plan[step]
        with torch.autocast(device().type, torch.bfloat16):
            out = teacher(*pad([items[i] for i in group]))
        loss = cost(out.float(), [t[group] for t in target]) * len(group) / typical
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(params, 5.0)
        opt.step()
        if step % 50 == 0:
            log(f"teacher step {step}/{len(plan)} loss {loss.item():.3f} {time.monotonic() - start:.0f} s")
        if save and time.monotonic() - last > every:
            save({"teacher": teacher.state_dict(), "opt": opt.state_dict(), "step": step + 1})
            last = time.monotonic()


def cost(out, target) -> torch.Tensor:
    """Weighted cross entropy of severity, categories and (where known) refusal."""
    severity, cats, refusal, trust = target
    a = F.cross_entropy(out[:, :3], severity, reduction="none", label_smoothing=0.03) * trust[:, 0]
    b = F.binary_cross_entropy_with_logits(out[:, 3:12], cats, reduction="none").sum(1) * trust[:, 1]
    known = refusal >= 0
    c = F.cross_entropy(out[known, 12:], refusal[known]) if known.any() else 0.0
    return a.mean() + 0.5 * b.mean() + 0.2 * c


@torch.no_grad()
def predict(teacher: Teacher, tokens, rows: list[Row], size=6000) -> tuple[np.ndarray, np.ndarray]:
    """(rows, 14) logits (severity 3, categories 9, refusal 2) and (rows, width) vectors."""
    teacher.eval().to(device())
    items = encode(tokens, rows)
    out = np.zeros((len(rows), 14), np.float32)
    vectors = np.zeros((len(rows), teacher.body.width), np.float16)
    for group in batches([len(i) for i, _ in items], size, None):
        with torch.autocast(device().type, torch.bfloat16):
            logits, x = teacher.tell(*pad([items[i] for i in group]))
        out[group], vectors[group] = logits.float().cpu().numpy(), x.float().cpu().numpy()
    return out, vectors


@torch.no_grad()
def embed(body: Encoder, tokens, texts: list[str], size=8000) -> np.ndarray:
    """(texts, width) unit vectors of the encoder as it ships."""
    body.eval().to(device())
    cls, sep = tokens.token_to_id("[CLS]"), tokens.token_to_id("[SEP]")
    items = []
    for e in tokens.encode_batch(texts, add_special_tokens=False):
        ids = [cls, *cut(e.ids, LONGEST), sep]
        items.append((ids, [0] * len(ids)))
    out = np.zeros((len(texts), body.width), np.float32)
    for group in batches([len(i) for i, _ in items], size, None):
        with torch.autocast(device().type, torch.bfloat16):
            x = body.pooled(*pad([items[i] for i in group])).float()
        out[group] = F.normalize(x, dim=-1).cpu().numpy()
    return out
