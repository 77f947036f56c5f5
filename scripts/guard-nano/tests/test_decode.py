"""Reading as the product reads: windows, greedy answers with and without guesses, formats, files."""

import contextlib
import gzip
import io
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

try:
    import torch

    import predict
    from guardnano import decode, export, modelfile, tokenizer
    from guardnano.decode import Reader, Reading
    from guardnano.model import Config, Student
    from guardnano.prompt import Format
    from guardnano.windows import Cutter
except ImportError as e:
    raise unittest.SkipTest(f"not installed: {e.name}") from e

SIZE = 4540
SHAPE = Config(vocab=SIZE, width=32, layers=2, heads=2, kv_heads=1, head_size=16, inner=64)
WORDS = [f" {a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("lt", "nd", "rm", "st")]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


class ReadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.path = cls.folder / "tokenizer.json"
        texts = [(c, 50) for c in tokenizer.common_characters()] + [(w, 3) for w in WORDS]
        tokenizer.train(texts + [("How do I bake bread? 今天天气很好", 2)], SIZE, cls.path)
        cls.fmt = Format(tokenizer.Tokenizer(cls.path))
        torch.manual_seed(1)
        cls.student = Student(SHAPE).eval()
        cls.student.embed.weight.data *= 10

    def naive(self, reader: Reader, ids: list[int]) -> list[int]:
        """What greedy decoding writes behind ids, one id a pass."""
        out: list[int] = []
        table = self.student.table()
        while len(out) < reader.most:
            with torch.no_grad():
                states = self.student(torch.tensor([ids + out]), table)
            out.append(int((states[0, -1] @ table.T).argmax()))
        return out

    def test_guesses_save_passes_and_decide_nothing(self) -> None:
        reader = Reader(self.student, self.fmt)
        reader.stop = set()
        windows = [reader.cutter.cut([user(t)])[0] for t in ("How do I bake bread?", "今天", "bolt fund")]
        begun = {i: reader.forced[i] for i in range(3)}
        true = {w: self.naive(reader, windows[w].ids + begun[w]) for w in begun}
        table = self.student.table()
        with torch.no_grad():
            reader._draft = lambda *_: []
            self.assertEqual(dict.fromkeys(begun), reader._tails(windows, begun, table))
            reader.stop = {true[0][-1]}
            plain = reader._tails(windows, begun, table)
            for wrong in (1, 3, 99):

                def guess(tail, _, forced, wrong=wrong):
                    (at,) = [i for i, f in begun.items() if f is forced]
                    part = true[at][len(tail) : len(tail) + 6]
                    return [t if n != wrong else (t + 1) % SIZE for n, t in enumerate(part)]

                reader._draft = guess
                self.assertEqual(plain, reader._tails(windows, begun, table))
        first = true[0].index(true[0][-1])
        self.assertEqual(true[0][:first], plain[0])

    def test_probabilities_are_of_all_words(self) -> None:
        reader = Reader(self.student, self.fmt, temperature=2.0)
        (verdict,) = reader.judge([[user("How do I bake bread?")]])
        ids = reader.cutter.cut([user("How do I bake bread?")])[0].ids
        with torch.no_grad():
            logits = self.student(torch.tensor([ids]), self.student.table())[0, -1] @ self.student.table().T
        want = (logits / 2).softmax(0)[self.fmt.labels].tolist()
        for a, b in zip(want, verdict.scores, strict=True):
            self.assertAlmostEqual(a, b, places=6)
        self.assertEqual(max(range(3), key=want.__getitem__), verdict.severity)

    def test_guesses_end_names_and_answers(self) -> None:
        f, reader = self.fmt, Reader(self.student, self.fmt)
        tail = [*f.category[0], *f.comma, f.category[1][0]]
        self.assertEqual(f.category[1][1:], reader._draft(tail, False, reader.forced[2]))
        with_refusal = [*f.category[1][1:], *f.refusal_line, *f.refusal[0]]
        self.assertEqual(with_refusal, reader._draft(tail, True, reader.forced[2]))
        self.assertEqual([], reader._draft([], True, reader.forced[2]))
        self.assertEqual([], reader._draft([f.category[0][0], 5, 5], False, reader.forced[2]))
        self.assertEqual(f.refusal[1], reader._draft([], True, reader.safe_response))

    def test_formats(self) -> None:
        self.assertEqual(((), None), decode.parse(" None", False))
        self.assertEqual((("Violent", "PII"), None), decode.parse(" PII, Violent, PII", False))
        self.assertEqual((("PII",), True), decode.parse(" Personally Identifiable Information\nRefusal: Yes", True))
        self.assertEqual(((), False), decode.parse_refusal(" No"))
        for text, response in (
            ("", False), ("PII", False), (" Pii", False), (" PII,Violent", False), (" None, PII", False),
            (" PII\nRefusal: No", False), (" PII", True), (" PII\nRefusal: Maybe", True), (" PII ", False),
        ):  # fmt: skip
            self.assertIsNone(decode.parse(text, response), text)

    def test_the_worst_window_wins(self) -> None:
        safe, bad = Reading(0, (0.9, 0.05, 0.05)), Reading(2, (0.1, 0.1, 0.8), ("PII",))
        broken = Reading(2, (0.05, 0.05, 0.9), readable=False)
        said = decode.combine([safe, broken, bad, Reading(1, (0.2, 0.7, 0.1), ("Violent",))])
        self.assertEqual((2, bad.scores, ("Violent", "PII"), None, 4),
                         (said.severity, said.scores, said.categories, said.refusal, said.windows))  # fmt: skip
        yes, no = (Reading(0, (0.9, 0.05, 0.05), refusal=r) for r in (True, False))
        rest = Reading(0, (0.9, 0.05, 0.05), judged=False)
        all_ = [decode.combine(r).refusal for r in ([yes, rest], [yes, no], [yes, safe])]
        self.assertEqual([True, False, False], all_)

    def test_windows(self) -> None:
        cutter = Cutter(self.fmt)
        self.assertEqual(305, cutter.window)
        self.assertEqual(304, len(self.fmt.tok.encode("今" * 304)))
        self.assertEqual(1, len(cutter.cut([user("今" * 304)])))
        self.assertEqual(2, len(cutter.cut([user("今" * 305)])))
        long = "".join(f"{w} 今天天气很好" for w in WORDS * 6)
        talk = [user(long), {"role": "assistant", "content": long}, user("How?" + long)]
        windows = cutter.cut(talk)
        most = max(len(w.ids) for w in windows)
        self.assertLessEqual(most, 305 + len(self.fmt.prompt([("user", []), ("assistant", [])])))
        self.assertEqual({(True, False), (False, False), (False, True)}, {(w.judged, w.response) for w in windows})
        asked = "".join(self.fmt.tok.decode(w.ids) for w in windows if w.judged)
        self.assertTrue(all(w.strip() in asked for w in WORDS))
        for text in (" ", "\u200b"):
            with self.assertRaisesRegex(ValueError, "nothing to judge"):
                cutter.cut([user(text)])

    def test_files_hold_the_same_student(self) -> None:
        path, out = self.folder / "m.gguf", self.folder / "p.jsonl"
        config = {
            "layers": 2, "hidden": 32, "feed": 64, "heads": 2, "kv_heads": 1, "head_size": 16, "context": 384,
            "eps": 1e-6, "theta": 10000.0,
        }  # fmt: skip
        tensors = {k: v.numpy() for k, v in self.student.tensors().items()}
        export.write(path, config, tensors, self.path, export.CHAT_TEMPLATE, "f32", 1.5, "")
        file = modelfile.read(path)
        self.assertEqual((1.5, 384), (file.temperature, file.context))
        again = modelfile.write_tokenizer(file, self.folder / "again.json")
        for text in ("How do I bake bread?\n\n 今天", "Safety: Unsafe"):
            self.assertEqual(self.fmt.tok.encode(text), again.encode(text))
        ids = torch.tensor([self.fmt.tok.encode("How do I bake bread?")])
        one, two = self.student, modelfile.student(file)
        with torch.no_grad():
            self.assertTrue(torch.equal(one(ids, one.table()), two(ids, two.table())))
        with gzip.open(self.folder / "dev.jsonl.gz", "wt", encoding="utf-8") as f:
            for n in range(4):
                f.write(json.dumps({"text": f"bolt {n}", "lang": "en", "severity": "Safe", "categories": [],
                                    "source": "s", "label_by": "rule", "license": "CC0-1.0"}) + "\n")  # fmt: skip
        torch.save(self.student.state_dict(), self.folder / "final.pt")
        said = []
        for words in (["--gguf", str(path)], ["--work", str(self.folder), "--temperature", "1.5"]):
            with contextlib.redirect_stdout(io.StringIO()):
                status = predict.main([*words, "--data", str(self.folder), "--every", "3", "--out", str(out)])
            self.assertEqual(0, status)
            said.append([json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()])
        self.assertEqual([0, 3], [line["id"] for line in said[0]])
        for a, b in zip(*said, strict=True):
            self.assertAlmostEqual(a["unsafe"], b["unsafe"], places=5)
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(2, predict.main(["--gguf", str(self.path), "--data", "x", "--out", str(out)]))

    def test_checkpoints_keep_learned_maps(self) -> None:
        rows, vectors = torch.arange(0, SIZE, 2), torch.randn(SIZE // 2, 48)
        one = Student(SHAPE, [(rows, vectors)])
        two = modelfile.restored(one.state_dict())
        self.assertTrue(torch.equal(one.table(), two.table()))
        self.assertEqual((one.c, 1), (two.c, two.known))


if __name__ == "__main__":
    unittest.main()
