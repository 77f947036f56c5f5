"""The prompts that the product asks a guard about for one conversation: one, or several where it is too long.

Follows internal/moderation/window.go: the last message goes into windows that overlap by an eighth, each of
them sees the end of the earlier turns in at most half a window, and the rest of those is judged by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from guardnano.prompt import CONTEXT, Format
from guardnano.rows import normalize

ANSWER_ROOM = 64  # tokens of the context that are kept for the answer
MOST = 4096  # tokens of text in one window, whatever the context
OVERLAP = 8  # one part of so many
TURN_COST = 8
LEAST_PIECE = 16  # tokens; a shorter end of a turn says nothing

Message = dict[str, str]  # role and content


@dataclass(frozen=True)
class Window:
    """ids up to and with "Safety:"; response: the last turn is the assistant's; judged: it is (a part of) the
    message that was asked about, not the rest of an earlier one."""

    ids: list[int]
    response: bool
    judged: bool


@dataclass(frozen=True)
class Text:
    """A message as UTF-8, with the end of each of its tokens in bytes."""

    role: str
    data: bytes
    ends: list[int]

    def __len__(self) -> int:
        return len(self.ends)

    def slice(self, first: int, to: int) -> str:
        """The text of tokens first to to, widened to whole characters."""
        start = self.ends[first - 1] if first else 0
        end = self.ends[to - 1] if to else 0
        while 0 < start < len(self.data) and self.data[start] & 0xC0 == 0x80:
            start -= 1
        while end < len(self.data) and self.data[end] & 0xC0 == 0x80:
            end += 1
        return self.data[start:end].decode()


class Cutter:
    """Cuts conversations for one vocabulary and context."""

    def __init__(self, fmt: Format, context: int = CONTEXT):
        self.fmt = fmt
        empty = fmt.prompt([("user", []), ("assistant", [])])
        self.window = min(context - len(empty) - ANSWER_ROOM, MOST)
        self.behind = 1 + len(fmt.line) + len(fmt.guard) + len(fmt.lead)

    def cut(self, messages: Sequence[Message]) -> list[Window]:
        """The windows of a conversation that ends with a user or an assistant. Raises ValueError where the last
        message is blank, which the product refuses too."""
        if not normalize(messages[-1]["content"]).strip():
            raise ValueError("there is nothing to judge")
        window = self._window(messages, True)
        if self._size(window, messages) <= self.window:
            return [window]
        turns = [self._split(m) for m in messages]
        kept, rest = self._context(turns)
        out = self._chunks(kept, turns[-1], len(turns[-1]), True)
        for at, to in rest:
            turn = turns[at]
            if turn.role == "assistant":
                out += self._chunks([self._lead(turns, at)], turn, to, False)
            else:
                out += self._chunks([], Text("user", turn.data, turn.ends), to, False)
        return out

    def _window(self, messages: Sequence[Message], judged: bool) -> Window:
        ids = self.fmt.prompt([(m["role"], self.fmt.tok.encode(normalize(m["content"]))) for m in messages])
        return Window(ids, messages[-1]["role"] == "assistant", judged)

    def _size(self, window: Window, messages: Sequence[Message]) -> int:
        """Ids between the fixed parts; the line break behind the first role is not fixed, as a text that begins
        with one would join it."""
        before = 1 + len(self.fmt.tok.encode(messages[0]["role"]))
        return len(window.ids) - before - self.behind

    def _split(self, message: Message) -> Text:
        text = normalize(normalize(message["content"]))
        data, ends = text.encode(), []
        for token in self.fmt.tok.encode(text):
            ends.append((ends[-1] if ends else 0) + len(self.fmt.tok.piece(token)))
        return Text(message["role"], data, ends)

    def _context(self, turns: list[Text]) -> tuple[list[Message], list[tuple[int, int]]]:
        """What the windows of the last message see of the earlier turns, and (turn, tokens) of what they do not."""
        budget = self.window // 2 - self.window // OVERLAP
        while True:
            kept, rest = self._keep(turns, budget)
            if self._base(kept, turns[-1].role) <= self.window // 2 or budget < LEAST_PIECE:
                return kept, rest
            budget //= 2

    def _keep(self, turns: list[Text], budget: int) -> tuple[list[Message], list[tuple[int, int]]]:
        """Whole turns from the end while they fit, then the end of one more."""
        kept: list[Message] = []
        rest: list[tuple[int, int]] = []
        i = len(turns) - 2
        while i >= 0 and len(turns[i]) + TURN_COST <= budget:
            kept.append({"role": turns[i].role, "content": turns[i].data.decode()})
            budget -= len(turns[i]) + TURN_COST
            i -= 1
        first = i + 1
        if i >= 0:
            turn, piece = turns[i], budget - TURN_COST
            seen = len(turn)
            if piece >= LEAST_PIECE:
                kept.append({"role": turn.role, "content": turn.slice(seen - piece, seen)})
                rest.append((i, seen - piece + piece // OVERLAP))
                first = i
            else:
                rest.append((i, seen))
        rest += [(n, len(turns[n])) for n in range(i - 1, -1, -1)]
        if (kept[-1]["role"] if kept else turns[-1].role) == "assistant":
            kept.append(self._lead(turns, first))
        return kept[::-1], rest

    def _lead(self, turns: list[Text], before: int) -> Message:
        """The end of the nearest turn before that is not the assistant's, as a user's."""
        for turn in reversed(turns[:before]):
            if turn.role != "assistant":
                piece = min(len(turn), max(1, self.window // OVERLAP - TURN_COST))
                return {"role": "user", "content": turn.slice(len(turn) - piece, len(turn))}
        return {"role": "user", "content": ""}

    def _base(self, before: list[Message], role: str) -> int:
        """Tokens of a window that the turns before the text take."""
        messages = [*before, {"role": role, "content": "."}]
        return self._size(self._window(messages, True), messages)

    def _chunks(self, before: list[Message], turn: Text, to: int, judged: bool) -> list[Window]:
        """Windows of the tokens of turn up to to; none for a piece of white space."""
        room = self.window - self._base(before, turn.role)
        if room < LEAST_PIECE:
            raise ValueError("the window has no room for the text")
        out, at = [], 0
        while at < to:
            window, end = self._fit(before, turn, at, min(at + room, to), judged)
            if turn.slice(at, end).strip():
                out.append(window)
            if end == to:
                break
            at = max(end - (end - at) // OVERLAP, at + 1)
        return out

    def _fit(self, before: list[Message], turn: Text, at: int, end: int, judged: bool) -> tuple[Window, int]:
        """A window of tokens at to end, or fewer: a cut may split a token into several."""
        while True:
            messages = [*before, {"role": turn.role, "content": turn.slice(at, end)}]
            window = self._window(messages, judged)
            over = self._size(window, messages) - self.window
            if over <= 0:
                return window, end
            if end - 1 <= at:
                raise ValueError("one character is longer than the window")
            end = max(end - over, at + 1)
