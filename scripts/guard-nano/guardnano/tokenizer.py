"""Byte-level BPE with the `qwen2` pre-tokenizer: training, encoding, and a seeded dropout of merges."""

import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

# The expression of llama.cpp's pre-tokenizer `qwen2`, which the product's Go tokenizer follows.
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Words of the answer format as they stand in it: each becomes one token.
ANSWER_WORDS = (
    " Safe", " Controversial", " Unsafe", " None", " Yes", " No", "Safety", "Categories", "Refusal",
    " Violent", " Non", " Sexual", " PII", " Suicide", " Unethical", " Politically", " Copyright",
    " Jailbreak", "user", "assistant", "guard", " Illegal", " Acts", " Content", " Sensitive", " Topics", " Violation",
    " Self", "Harm",
)  # fmt: skip
CATEGORY_WORDS = ANSWER_WORDS[9:18]
# Far above any pair's count that competes for a place in the vocabulary, so these merges are made first.
ANSWER_WEIGHT = 20_000


def common_characters() -> list[str]:
    """The 3,755 characters of GB 2312 level 1 (rows 16 to 55), in the standard's order."""
    cells = itertools.product(range(0xB0, 0xD8), range(0xA1, 0xFF))
    return [bytes(c).decode("gb2312") for c in cells if c[0] < 0xD7 or c[1] <= 0xF9]


def byte_alphabet() -> list[str]:
    """The characters that stand for the 256 bytes, by byte (GPT-2's encoder.py, bytes_to_unicode)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = itertools.count(0x100)
    return [chr(b) if b in shown else chr(next(hidden)) for b in range(256)]


def pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    """The pre-tokenizer `qwen2`, then bytes."""
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def train(texts: Iterable[tuple[str, int]], size: int, path: Path | str) -> None:
    """Writes a tokenizer.json of exactly `size` tokens, specials last, trained on (text, weight) pairs.

    Refuses (ValueError) when the texts do not yield that many tokens, or when the vocabulary lacks what
    the answer format or the common Chinese characters need. The same input gives the same bytes.
    """
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizer()
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(SPECIALS), min_frequency=1, show_progress=False,
        initial_alphabet=byte_alphabet(),
    )  # fmt: skip
    weighted = itertools.chain(((w, ANSWER_WEIGHT) for w in ANSWER_WORDS), texts)
    bpe.train_from_iterator((list(itertools.repeat(t, n)) for t, n in weighted if n > 0), trainer)
    bpe.add_special_tokens(list(SPECIALS))
    if bpe.get_vocab_size() != size:
        raise ValueError(f"the texts yield {bpe.get_vocab_size()} tokens, not {size}")
    text = json.dumps(json.loads(bpe.to_str()), ensure_ascii=False, indent=1)
    Path(path).write_text(text + "\n", encoding="utf-8")
    if missing := shortcomings(Tokenizer(path)):
        raise ValueError("; ".join(missing))


def shortcomings(tok: "Tokenizer") -> list[str]:
    """What the vocabulary lacks: one line a fault, none when it fits the answer format."""
    faults = [f"{w!r} is not one token" for w in ANSWER_WORDS if len(tok.encode(w)) != 1]
    names = [*CATEGORY_WORDS, " None"]
    if len({tok.encode(n)[0] for n in names}) != len(names):
        faults.append("two categories begin with the same token")
    split = [c for c in common_characters() if len(tok.encode(c)) != 1]
    if split:
        faults.append(f"{len(split)} common characters are not one token: {''.join(split[:20])}")
    return faults


class Tokenizer:
    """Encodes ordinary text as the product does: literals of special tokens in it stay text."""

    def __init__(self, path: Path | str) -> None:
        """Reads a tokenizer.json that `train` wrote; refuses (ValueError) one with other specials."""
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        added = data.pop("added_tokens")
        if tuple(t["content"] for t in added) != SPECIALS:
            raise ValueError("the special tokens are not those of this recipe")
        merges = data["model"]["merges"]
        self.merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in merges]
        self._ids = dict(data["model"]["vocab"]) | {t["content"]: t["id"] for t in added}
        self.tokens = sorted(self._ids, key=self._ids.__getitem__)
        self.size = len(self.tokens)
        self._bpe = tokenizers.Tokenizer.from_str(json.dumps(data | {"added_tokens": []}))
        self._byte = {c: b for b, c in enumerate(byte_alphabet())}
        self._parts = self._parents()

    def _parents(self) -> np.ndarray:
        """For each token the two it was merged from; -1 where it must stay whole.

        Whole stay bytes, specials, the words of the answer, and single characters: a Chinese character
        taken to bytes teaches nothing about spelling.
        """
        parts = np.full((self.size, 2), -1, dtype=np.int32)
        whole = {self._bpe.encode(w).ids[0] for w in ANSWER_WORDS}
        for left, right in self.merges:
            token = self._ids[left + right]
            if parts[token, 0] < 0 and token not in whole and self._characters(left + right) != 1:
                parts[token] = self._ids[left], self._ids[right]
        return parts

    def _characters(self, token: str) -> int:
        """The number of characters that begin in the token: bytes that continue none (UTF-8, RFC 3629)."""
        return sum(self._byte[c] & 0xC0 != 0x80 for c in token)

    def id(self, token: str) -> int:
        """The id of a token as it is written in the file; refuses (KeyError) an unknown one."""
        return self._ids[token]

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for."""
        text = self.tokens[token]
        return text.encode() if text in SPECIALS else bytes(self._byte[c] for c in text)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids, specials as they are written; broken UTF-8 shows as U+FFFD."""
        return b"".join(self.piece(i) for i in ids).decode(errors="replace")

    def encode(self, text: str, dropout: float = 0.0, rng: np.random.Generator | None = None) -> list[int]:
        """The ids of ordinary text; see `drop` for dropout."""
        return self.encode_many([text], dropout, rng)[0]

    def encode_many(
        self, texts: Sequence[str], dropout: float = 0.0, rng: np.random.Generator | None = None
    ) -> list[list[int]]:
        """`encode` of each text, on all cores."""
        found = [e.ids for e in self._bpe.encode_batch_fast(list(texts))]
        if not dropout:
            return found
        ids, lengths = self.drop(np.fromiter(itertools.chain.from_iterable(found), np.int32),
                                 np.array([len(f) for f in found], np.int64), dropout, rng)  # fmt: skip
        return [part.tolist() for part in np.split(ids, np.cumsum(lengths)[:-1])]

    def drop(
        self, ids: np.ndarray, lengths: np.ndarray, dropout: float, rng: np.random.Generator | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """BPE dropout on rows laid end to end: answers the new ids and the new length of each row.

        Provilkov et al. 2020 (BPE-dropout) leave merges out while encoding; the library's own version of
        that draws from a generator that cannot be seeded. So here each token is replaced by the two it
        was merged from with probability `dropout`, and its parts again, until a draw keeps them: seeded,
        vectorised, and only tokens of the merge tree result. A token deep in the tree is therefore split
        less often than by leaving out merges, and a higher `dropout` has the same effect.
        Refuses (ValueError) to work without a generator.
        """
        if rng is None:
            raise ValueError("dropout needs a seeded generator")
        rows = np.repeat(np.arange(len(lengths)), lengths)
        fresh = np.ones(len(ids), dtype=bool)
        while fresh.any():
            split = fresh & (self._parts[ids, 0] >= 0)
            split[split] = rng.random(int(split.sum())) < dropout
            copies = split + 1
            first = (np.cumsum(copies) - copies)[split]
            parts = self._parts[ids[split]]
            ids, rows, fresh = np.repeat(ids, copies), np.repeat(rows, copies), np.repeat(split, copies)
            ids[first], ids[first + 1] = parts[:, 0], parts[:, 1]
        return ids, np.bincount(rows, minlength=len(lengths))
