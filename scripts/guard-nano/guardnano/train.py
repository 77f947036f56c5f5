"""Trains the student: answers, the teachers' doubts, and the meaning of the whole text."""

import copy
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from guardnano.encoder import device
from guardnano.examples import PART, Example, Mix, build
from guardnano.model import Student
from guardnano.prompt import Format
from guardnano.rows import Row
from guardnano.teacher import batches


PLACES = 512  # of a step, whose next token is asked for
PARTS = ("student", "average", "maps", "tongue")  # of a trainer's state


@dataclass(frozen=True)
class Plan:
    """One training run."""

    epochs: int = 3
    tokens: int = 8192
    rate: float = 2e-3
    muon: bool = True  # the body's matrices are moved by Muon in place of AdamW
    embed_rate: float = 2e-3
    decay: float = 0.05
    soft: float = 0.5  # share of the teachers' severity in the target
    meaning: float = 1.0  # weight of the sentence-vector loss
    doubt: float = 0.1  # a rule's label that its teacher gives less than this is not believed
    lm: float = 0.0  # weight of the next token of the prompt
    tongue: float = 0.1  # weight of reading the language, which lean.py needs
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    average: float = 0.999
    others: int = 1024  # sampled ids that the answer's words are told apart from
    seed: int = 1
    mix: Mix = field(default_factory=Mix)


@dataclass
class Targets:
    """What the teachers say of each row: severity (rows, 3), and vectors by the teacher that made them, each with what
    it counts."""

    severity: np.ndarray | None = None
    vectors: dict[str, np.ndarray] | None = None
    index: dict[str, np.ndarray] | None = None  # row -> line in vectors, -1 where it has none
    counts: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Holds the student, its average and the optimiser; `run` goes on from where the state is."""

    def __init__(self, student: Student, fmt: Format, rows, copies, targets: Targets, plan: Plan, log=print):
        self.student, self.fmt, self.rows, self.copies = student.to(device()), fmt, rows, copies
        self.targets, self.plan, self.log = targets, plan, log
        self.average = copy.deepcopy(student).eval()
        width = student.c.width
        self.maps = nn.ModuleDict(
            {k: nn.Linear(width, v.shape[1]) for k, v in (targets.vectors or {}).items()}
        ).to(device())
        self.tongue = nn.Linear(width, 1).to(device())
        words = [student.embed.weight, *student.maps.parameters()]
        apart = {id(p) for p in words}
        body = [p for p in student.parameters() if p.dim() == 2 and id(p) not in apart]
        flat = [p for p in student.parameters() if p.dim() == 1]
        groups = [
            *([] if plan.muon else [{"params": body, "rate": plan.rate, "weight_decay": plan.decay}]),
            {"params": flat, "rate": plan.rate, "weight_decay": 0.0},
            {"params": words, "rate": plan.embed_rate, "weight_decay": 0.0},
            {
                "params": [*self.maps.parameters(), *self.tongue.parameters()],
                "rate": 1e-3,
                "weight_decay": 0.0,
            },
        ]
        groups = [g for g in groups if g["params"]]
        self.opts = [torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98), fused=True)]
        if plan.muon:  # Jordan et al., 2024; steps as large as AdamW's (Liu et al., 2025)
            group = {"params": body, "rate": plan.rate, "weight_decay": plan.decay}
            self.opts.append(torch.optim.Muon([group], lr=plan.rate, adjust_lr_fn="match_rms_adamw"))
        self.words = torch.tensor(fmt.vocabulary(), device=device())
        self.place = {w: n for n, w in enumerate(fmt.vocabulary())}
        self.labels = torch.tensor([self.place[w] for w in fmt.labels], device=device())
        self.share = [self._share(i) for i in range(len(rows))]
        self.epoch, self.done, self.typical = 0, 0, 1.0

    def _share(self, i: int) -> float:
        """How much of row i's severity the teacher says: all of a variant's, and all where a label that a keyword rule
        gave is one that the teacher, who learned from it, still finds unlikely (after confident learning, Northcutt
        et al., 2021). Nothing where the row is our own and the teacher still has it wrong."""
        row, said = self.rows[i], self.targets.severity
        if said is None or row.label_by == "variant":
            return 1.0
        if row.label_by == "twin" and said[i, row.severity] < 0.5:
            return 0.0
        doubted = "rule" in row.label_by and said[i, row.severity] < self.plan.doubt
        return 1.0 if doubted else self.plan.soft

    def run(self, after_epoch=None, save=None, every=600.0) -> None:
        """Trains to the end of the plan. save(self) is called every `every` seconds and at each epoch's
        end, after_epoch(self) at each epoch's end."""
        last = begun = time.monotonic()
        while self.epoch < self.plan.epochs:
            seed = self.plan.seed * 1000 + self.epoch
            examples = build(self.rows, self.copies, self.fmt, self.plan.mix, seed)
            groups = batches([len(e.ids) for e in examples], self.plan.tokens, random.Random(seed))
            # Every row weighs the same, whatever the number of rows that fit into its group.
            self.typical = len(examples) / len(groups)
            tokens = 0
            for n in range(self.done, len(groups)):
                group = [examples[i] for i in groups[n]]
                self._rate((self.epoch + (n + 1) / len(groups)) / self.plan.epochs)
                loss = self._step(group, seed * 100_000 + n)
                tokens += sum(len(e.ids) for e in group)
                self.done = n + 1
                if n % 100 == 0:
                    spent = time.monotonic() - begun
                    self.log(f"epoch {self.epoch} step {n}/{len(groups)} {loss} {tokens} tokens {spent:.0f} s")
                if save and time.monotonic() - last > every:
                    save(self)
                    last = time.monotonic()
            self.epoch, self.done = self.epoch + 1, 0
            if after_epoch:
                after_epoch(self)
            if save:
                save(self)

    def _rate(self, at: float) -> None:
        """Linear warm-up over 3 %, then linear to nothing."""
        scale = min(at / 0.03, (1 - at) / 0.97)
        for opt in self.opts:
            for g in opt.param_groups:
                g["lr"] = g["rate"] * max(scale, 1e-3)

    def _step(self, group: list[Example], seed: int) -> str:
        torch.manual_seed(seed)
        self.student.train()
        ids = torch.zeros(len(group), max(len(e.ids) for e in group) - 1, dtype=torch.long)
        for n, e in enumerate(group):
            ids[n, : len(e.ids) - 1] = torch.tensor(e.ids[:-1])
        with torch.autocast(device().type, torch.bfloat16):
            table = self.student.table()
            states = self.student(ids.to(device()), table)
        answer = self._answer(states, table, group)
        meaning = self._meaning(states, group)
        loss = answer + self.plan.meaning * meaning
        if self.plan.tongue:
            loss = loss + self.plan.tongue * self._language(states, group)
        if self.plan.lm:
            loss = loss + self.plan.lm * self._next(states, table, group)
        self.student.zero_grad(set_to_none=True)
        for part in (self.maps, self.tongue):
            part.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        for opt in self.opts:
            opt.step()
        self._settle()
        parts = {"answer": answer, "meaning": meaning, "norm": norm}
        return " ".join(f"{k} {v.detach().item():.4f}" for k, v in parts.items())

    @torch.no_grad()
    def _settle(self) -> None:
        steps = self.epoch * 1000 + self.done + 1
        keep = min(self.plan.average, (1 + steps) / (10 + steps))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.student.parameters()), 1 - keep)

    def _answer(self, states: torch.Tensor, table: torch.Tensor, group: list[Example]) -> torch.Tensor:
        """Cross entropy of the answer's ids, and of the lead-in before them, against the answer's vocabulary and
        sampled other ids, which stand for all the others (hence the logarithm that is added to them)."""
        line, col, want, weight, first = [], [], [], [], []
        lead = len(self.fmt.lead)
        for n, e in enumerate(group):
            true = self.fmt.lead + e.want
            for j, kind in enumerate([1] * lead + e.kinds):
                line.append(n)
                col.append(e.at - lead - 1 + j)
                want.append(self.place[true[j]])
                weight.append(PART[kind] * (e.weight[0] if kind == 0 else e.weight[1] if kind == 2 else 1.0))
                first.append(e.row if kind == 0 else -1)
        h = states[line, col]
        others = torch.randint(0, self.student.c.vocab, (self.plan.others,)).to(device())
        others = others[~torch.isin(others, self.words)]
        stand_for = math.log((self.student.c.vocab - len(self.words)) / len(others))
        # Detached: being told apart from the answers would push every word the same way.
        near, far = table[self.words], table[others].detach()
        logits = torch.cat((h @ near.T, h @ far.T + stand_for), 1)
        logs = F.log_softmax(logits.float(), -1)
        want, weight = torch.tensor(want, device=device()), torch.tensor(weight, device=device())
        first = np.array(first)
        loss = -logs.gather(1, want[:, None])[:, 0]
        at = np.flatnonzero(first >= 0)
        soft = torch.from_numpy(at).to(device())
        if self.targets.severity is not None and self.plan.soft:
            said = torch.from_numpy(self.targets.severity[first[at]]).to(device())
            doubt = -(said * logs[soft][:, self.labels]).sum(1)
            share = torch.tensor([self.share[i] for i in first[at]], device=device())
            loss = loss.index_put((soft,), (1 - share) * loss[soft] + share * doubt)
        hard = [self.plan.balance[self.rows[i].severity] for i in first[at]]
        weight = weight.index_put((soft,), weight[soft] * torch.tensor(hard, device=device()))
        return (loss * weight).sum() / self.typical

    def _next(self, states: torch.Tensor, table: torch.Tensor, group: list[Example]) -> torch.Tensor:
        """Cross entropy of the prompts' next tokens at up to PLACES random places, against each other's tokens and
        sampled ones."""
        spots = [(n, i) for n, e in enumerate(group) for i in range(e.at - 1)]
        chosen = torch.randperm(len(spots))[:PLACES].tolist()
        line, col = zip(*(spots[c] for c in chosen), strict=True)
        true = torch.tensor([group[n].ids[i + 1] for n, i in zip(line, col, strict=True)])
        some = torch.randint(0, self.student.c.vocab, (self.plan.others,))
        among, want = torch.unique(torch.cat((true, some)), return_inverse=True)
        logits = states[list(line), list(col)] @ table[among.to(device())].T
        return F.cross_entropy(logits.float(), want[: len(true)].to(device()))

    def _meaning(self, states: torch.Tensor, group: list[Example]) -> torch.Tensor:
        """One minus the cosine between a map of the last prompt state and the shipped encoder's vector."""
        total = states.new_zeros(()).float()
        for name, layer in self.maps.items():
            at = [(n, e.at - 1, int(self.targets.index[name][e.row])) for n, e in enumerate(group)]
            at = [a for a in at if a[2] >= 0 and group[a[0]].alone]
            if not at:
                continue
            line, col, where = zip(*at, strict=True)
            want = torch.from_numpy(self.targets.vectors[name][list(where)]).float().to(device())
            said = layer(states[list(line), list(col)].float())
            apart = (1 - F.cosine_similarity(said, want)).sum()
            total = total + self.targets.counts[name] * apart / self.typical
        return total

    def _language(self, states: torch.Tensor, group: list[Example]) -> torch.Tensor:
        """Squared error of a linear reading of each text's language, 1 for English and -1 for others."""
        last = states[list(range(len(group))), [e.at - 1 for e in group]].float()
        true = torch.tensor([1.0 if self.rows[e.row].lang == "en" else -1.0 for e in group], device=device())
        return F.mse_loss(self.tongue(last)[:, 0], true, reduction="sum") / self.typical

    def state(self) -> dict:
        """All that `load` needs to go on as if nothing had happened."""
        opts = [opt.state_dict() for opt in self.opts]
        parts = {p: getattr(self, p).state_dict() for p in PARTS}
        return parts | {"opts": opts, "epoch": self.epoch, "done": self.done}

    def load(self, state: dict) -> None:
        """Takes over a state of the same plan and data."""
        for part in PARTS:
            getattr(self, part).load_state_dict(state[part])
        for opt, old in zip(self.opts, state["opts"], strict=True):
            opt.load_state_dict(old)
        self.epoch, self.done = state["epoch"], state["done"]


@torch.no_grad()
def severity(student: Student, examples: list[Example], fmt: Format, size=16384) -> np.ndarray:
    """(examples, 3) logits of the severity."""
    student.eval().to(device())
    out = np.zeros((len(examples), 3), np.float32)
    table = student.table()
    heads = table[fmt.labels]
    for group in batches([e.at for e in examples], size, None):
        part = [examples[i] for i in group]
        ids = torch.zeros(len(part), max(e.at for e in part), dtype=torch.long)
        for n, e in enumerate(part):
            ids[n, : e.at] = torch.tensor(e.ids[: e.at])
        with torch.autocast(device().type, torch.bfloat16):
            states = student(ids.to(device()), table)
        last = states[torch.arange(len(part)), [e.at - 1 for e in part]].float()
        out[group] = (last @ heads.T).cpu().numpy()
    return out
