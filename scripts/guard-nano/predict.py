"""What a student says of the rows, read as the product reads it but computed by PyTorch in float32.

python predict.py --work WORK --data DIR --out predictions.jsonl
python predict.py --gguf FILE --data DIR --out predictions.jsonl

WORK is the recipe's folder (tokenizer.json and final.pt, the weights that were quantised); FILE a GGUF file, its blocks
dequantised. Both give what evaluate.py reads with --compare and --float. The temperature is the file's,
or --temperature, or 1.
"""

import argparse
import pathlib
import sys
import tempfile
import time

import torch

from guardnano import engine, modelfile, rows
from guardnano.decode import Reader
from guardnano.prompt import Format
from guardnano.tokenizer import Tokenizer


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description="Predict with a student of guard-nano.")
    which = p.add_mutually_exclusive_group(required=True)
    which.add_argument("--work", type=pathlib.Path, help="the recipe's folder")
    which.add_argument("--gguf", type=pathlib.Path, help="a GGUF file")
    p.add_argument("--data", type=pathlib.Path, required=True, help="folder of dev.jsonl.gz")
    p.add_argument("--split", default="dev")
    p.add_argument("--every", type=int, default=1, help="only every n-th row (1)")
    p.add_argument("--temperature", type=float, help="divides the logits; the file's own, or 1")
    p.add_argument("--threads", type=int, default=0, help="0: as many as there are processors")
    p.add_argument("--out", type=pathlib.Path, required=True, help="predictions, one JSON object a line")
    return p.parse_args(given)


def reader(args: argparse.Namespace) -> Reader:
    """The student that is asked for. Raises OSError or ValueError where there is none."""
    if args.work:
        weights = torch.load(args.work / "final.pt", map_location="cpu", weights_only=True)
        fmt = Format(Tokenizer(args.work / "tokenizer.json"))
        return Reader(modelfile.restored(weights), fmt, args.temperature or 1.0)
    file = modelfile.read(args.gguf)
    with tempfile.TemporaryDirectory() as folder:
        fmt = Format(modelfile.write_tokenizer(file, pathlib.Path(folder, "tokenizer.json")))
    return Reader(modelfile.student(file), fmt, args.temperature or file.temperature, file.context)


def main(given: list[str] | None = None) -> int:
    """0, or 2 where there is nothing to predict with or on."""
    args = arguments(given)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        guard = reader(args)
        all_ = rows.load(args.data, args.split, str)
    except (OSError, ValueError) as e:
        print(f"predict: {e}", file=sys.stderr)
        return 2
    places = range(0, len(all_), args.every)
    begun = time.monotonic()
    said = guard.judge([engine.conversation(all_[i].text, all_[i].response) for i in places])
    engine.write_predictions(args.out, said, places)
    other = sum(1 - sum(v.scores) for v in said) / max(1, len(said))
    took = time.monotonic() - begun
    print(f"{len(said)} rows in {took:.0f} s, temperature {guard.temperature:g}, mean mass of other words {other:.5f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
