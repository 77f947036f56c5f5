"""The normalisation of guardhouse.text_normalization = nfkc_fold, as the engine's Go has it (internal/prompt/fold.go)."""

import re
import unicodedata

# Small Latin letters and what looks like them (a selection of UTS 39, confusables.txt).
LOOKALIKE = {
    "a": "аАαΑɑᴀ",
    "b": "вВьβΒʙ",
    "c": "сСᴄ",
    "d": "ԁđĐᴅ",
    "e": "еЕεΕᴇ",
    "f": "ꜰ",
    "g": "ɡɢ",
    "h": "һҺнНΗհħĦʜ",
    "i": "іІιΙıɪ",
    "j": "јЈᴊ",
    "k": "кКκΚᴋ",
    "l": "ӏӀłŁǀʟ",
    "m": "мМΜᴍ",
    "n": "ոηΝɴ",
    "o": "оОοΟօøØᴏ",
    "p": "рРρΡᴘ",
    "q": "ԛ",
    "r": "гʀ",
    "s": "ѕЅꜱ",
    "t": "тТτΤŧŦᴛ",
    "u": "υսμᴜ",
    "v": "νᴠ",
    "w": "ԝωᴡ",
    "x": "хХχΧ",
    "y": "уУүҮγΥʏ",
    "z": "Ζᴢ",
}
_LETTER = {ord(c): latin for latin, some in LOOKALIKE.items() for c in some}
_MARKS = ((0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))
_UNSEEN = (
    (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200E, 0x200F), (0x202A, 0x202E), (0x2061, 0x206F),
    (0xFE00, 0xFE0F), (0xE0000, 0xE0FFF),
)  # fmt: skip
_WITH_MARKS = ((0xC0, 0x24F), (0x370, 0x52F), (0x1E00, 0x1FFF))
_PICTURES = ((0x1F150, 0x1F169), (0x1F170, 0x1F189), (0x1F1E6, 0x1F1FF))
_BETWEEN = (
    r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u2190-\u2bff\u3001-\u3003\U0001f000-\U0001faff"
)
# Three or more single letters with the same mark between all of them.
_APART = re.compile(rf"(?<![a-z0-9])[a-z]([{_BETWEEN}])[a-z](?![a-z0-9])(?:\1[a-z](?![a-z0-9]))+")


def _in(ranges: tuple[tuple[int, int], ...], n: int) -> bool:
    return any(low <= n <= high for low, high in ranges)


def _rune(c: str) -> str:
    n = ord(c)
    if n < 0xC0:
        return c
    if _in(_UNSEEN, n) or _in(_MARKS, n):
        return ""
    if _in(_WITH_MARKS, n):
        n = ord(unicodedata.normalize("NFD", c)[0])
    for low, high in _PICTURES:
        if low <= n <= high:
            return chr(ord("a") + n - low)
    return _LETTER.get(n, chr(n))


def fold(text: str) -> str:
    """text, which is NFKC without invisible characters, as a reader sees it: small Latin letters without marks, what
    only looks like them among them, and words set apart by one mark between their letters put together."""
    if not text.isascii():
        text = "".join(map(_rune, text))
    text = "".join(c.lower() if "A" <= c <= "Z" else c for c in text)
    return _APART.sub(lambda m: m.group()[::2], text)
