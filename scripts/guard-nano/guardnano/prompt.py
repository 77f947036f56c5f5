"""What the student reads and writes: messages as export.CHAT_TEMPLATE lays them out, and the answer in the
Qwen3Guard format."""

from guardnano.rows import CATEGORIES, SEVERITIES, Row
from guardnano.tokenizer import SPECIALS, Tokenizer

CONTEXT = 384  # of the model: LONGEST and room for what stands around it
LONGEST = 305  # tokens of text in one window of the engine; the middle of a longer one is cut out


class Format:
    """Ids of everything around the texts."""

    def __init__(self, tok: Tokenizer):
        self.tok = tok
        start, self.end = tok.id("<|im_start|>"), tok.id("<|im_end|>")
        self.role = {r: [start, *tok.encode(r + "\n")] for r in ("system", "user", "assistant")}
        self.line = tok.encode("\n")
        self.guard = [start, *tok.encode("guard\n")]
        self.lead = tok.encode("Safety:")
        self.labels = [tok.encode(" " + s)[0] for s in SEVERITIES]
        self.categories_line = tok.encode("\nCategories:")
        self.refusal_line = tok.encode("\nRefusal:")
        self.category = [tok.encode(" " + c) for c in CATEGORIES]
        self.none = tok.encode(" None")
        self.comma = tok.encode(",")
        self.refusal = [tok.encode(" No"), tok.encode(" Yes")]

    def prompt(self, messages: list[tuple[str, list[int]]]) -> list[int]:
        """Ids up to and with "Safety:"; messages are (role, ids of the content)."""
        out: list[int] = []
        for role, ids in messages:
            out += self.role[role] + ids + [self.end] + self.line
        return out + self.guard + self.lead

    def answer(self, row: Row) -> tuple[list[int], list[int]]:
        """Ids from the severity to the end, and for each what it is: 0 severity, 1 a fixed line,
        2 categories, 3 refusal."""
        parts = [([self.labels[row.severity]], 0), (self.categories_line, 1)]
        names = [self.category[i] for i, c in enumerate(CATEGORIES) if c in row.categories]
        for n, ids in enumerate(names or [self.none]):
            if n:
                parts.append((self.comma, 2))
            parts.append((ids, 2))
        if row.response is not None:
            known = row.refusal is not None
            parts.append((self.refusal_line, 1 if row.categories or known else 2))
            if known:
                parts.append((self.refusal[row.refusal], 3))
        if row.response is None or row.refusal is not None:
            parts.append(([self.end], 2))
        ids = [i for p, _ in parts for i in p]
        return ids, [k for p, k in parts for _ in p]

    def vocabulary(self) -> list[int]:
        """Every id that an answer may hold, in order."""
        texts = [self.lead, self.labels, self.categories_line, self.refusal_line, self.none, self.comma, [self.end]]
        return sorted({i for part in texts + self.category + self.refusal for i in part})

    def apart(self) -> list[int]:
        """The words of the answer and the specials."""
        return [*self.vocabulary(), *(self.tok.id(s) for s in SPECIALS)]


def fit(turns: list[list[int]], room: int) -> list[list[int]]:
    """turns with the longest ones cut until all fit into room tokens."""
    most = max((len(t) for t in turns), default=0)
    while most > 1 and sum(min(len(t), most) for t in turns) > room:
        most -= 1
    return [cut(t, most) for t in turns]


def cut(ids: list[int], longest: int = LONGEST) -> list[int]:
    """ids without their middle where they are too many."""
    if len(ids) <= longest:
        return ids
    return ids[: longest // 2] + ids[len(ids) - (longest - longest // 2) :]
