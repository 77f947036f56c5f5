#!/usr/bin/env python3
"""Checks an export of a Guardhouse audit log (JSON lines) with nothing but Python 3 and the public keys of the log.

    python3 verify.py EXPORT.jsonl PUBLIC-KEYS

PUBLIC-KEYS is what `guardhouse audit key` printed. Exit status 0, or 1 and the first thing wrong; docs/audit.md has the formats.
"""
import base64, hashlib, json, re, sys

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519 as in RFC 8032
D = -121665 * pow(121666, P - 2, P) % P


def need(ok, message):
    if not ok:
        sys.exit(message)


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    out = (0, 1, 1, 0)
    while n:
        out, point, n = add(out, point) if n & 1 else out, add(point, point), n >> 1
    return out


def point(raw):
    y = int.from_bytes(raw, "little")
    odd, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    need(y < P and x * x % P == square and (x or not odd), "a key or a signature is not a point of the curve")
    x = P - x if x & 1 != odd else x
    return x, y, 1, x * y % P


def signed(public, text, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(r + public + text).digest(), "little") % ORDER
    a, b = times(s, point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))), add(point(r), times(h, point(public)))
    return s < ORDER and (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def add_key(keys, line):
    name, tag, data = line.split("+", 2)
    raw = base64.b64decode(data, validate=True)
    own = "ak" + hashlib.sha256(raw[1:]).hexdigest()[:16]  # the name of a key is made of the key
    need(len(raw) == 33 and raw[0] == 1 and name.startswith("guardhouse/") and name.endswith("/" + own), "a public key is not in its form")
    need(hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] == tag, "a public key is not in its form")
    keys[name] = raw[1:], bytes.fromhex(tag)


def open_note(keys, note, kind, where):
    """What a signed note says. Every signature must be that of a known key."""
    text, _, rest = note.rpartition("\n\n")
    text += "\n"
    fields = dict(line.partition(" ")[::2] for line in text.splitlines()[1:])
    known = dict(keys)
    if kind == "key":  # introduces itself; the key before it vouches
        add_key(known, fields["key"])
        if not {fields["key"].split("+")[0], f"guardhouse/{fields['install']}/{fields['previous']}"} & set(keys):
            return {}  # no known key stands behind it: it is of no use
    signers = re.findall("\u2014 (\\S+) (\\S+)\n", rest)
    need(text.startswith(f"guardhouse/{kind}/v1\n") and "".join(f"\u2014 {n} {s}\n" for n, s in signers) == rest and signers, f"{where} is no {kind}")
    need(len(signers) == (2 if kind == "key" and fields["previous"] != "none" else 1), f"{where} has a signature too many or too few")
    for name, data in signers:
        if kind == "key" and fields["key"].split("+")[0] in keys and name not in keys and name.endswith("/" + fields["previous"]):
            continue  # what is trusted needs nobody who stands behind it
        need(name in known and name.split("/")[1] == fields["install"], f"{where} is signed by no known key")
        raw = base64.b64decode(data, validate=True)
        need(len(raw) == 68 and raw[:4] == known[name][1] and signed(known[name][0], text.encode(), raw[4:]), f"{where}: the signature is wrong")
    if kind == "key":
        keys.update(known)
    fields["signer"] = signers[0][0].split("/")[2]  # of a key's note: the key itself
    return fields


class Reigns:
    """Which key follows which, and what each has signed: a key signs up to the row by which the next took over."""

    def __init__(self):
        self.before, self.noted, self.turns, self.most, self.acts = {}, [], [], {}, {}

    def introduce(self, key, previous, where):
        need(previous == "none" or all(k == key or self.before.get(k) != previous for k in self.noted), f"rebuilt: {where} follows a key that another follows")
        self.noted.append(key)
        self.before[key] = "" if previous == "none" else previous

    def sign(self, key, seq, what):
        self.most[key] = max(self.most.get(key, (-1, "")), (seq, what))

    def row(self, event):
        for key in self.acts.get(event["id"], ()):
            self.sign(key, event["seq"], "a tombstone")
        said, fresh = event["details"], event["resource"][10:]
        if event["resource"].startswith("audit-key:") and (event["action"], event["decision"]) == ("settings.manage", "allow") and said.get("change") in ("first", "rotate", "lost"):
            self.turns.append((event["seq"], fresh, said.get("before", "")))
            self.before[fresh] = self.before.get(fresh) or said.get("before", "")

    def line(self, key):
        out = []
        while key and key not in out:
            out, key = out + [key], self.before.get(key)
        return out

    def over(self, key, fresh, before):  # it was replaced by fresh, or is another that came from the same
        return before and fresh not in self.line(key) and (before in self.line(key) or key in self.line(before))

    def check(self, manifest):
        for fresh in self.noted:
            need(not self.over(manifest, fresh, self.before[fresh]), "rebuilt: the manifest is signed with a key that had been replaced")
        for seq, fresh, before in self.turns:
            for key, (most, what) in self.most.items():
                need(most < seq or not self.over(key, fresh, before or self.before.get(fresh)), f"rebuilt: {what} is signed with a key that had been replaced")


def lines(path):
    with open(path, "rb") as file:
        number = 0
        while line := file.readline(1 << 20):
            number += 1
            need(line.endswith(b"\n"), f"line {number} is cut off or too long")
            yield number, line


def check(path, keys):
    kinds = {"key": "key", "checkpoint": "checkpoint", "tombstone": "tombstone", "manifest": "export"}
    marks, manifest, checkpoints, newest, reigns = {}, None, 0, None, Reigns()
    for wanted in (("key",), ("checkpoint", "tombstone", "manifest")):  # a key may stand behind what it signed
        for number, line in lines(path):
            if line.startswith(b'{"action":'):
                need(not marks and manifest is None, f"line {number}: a row behind the rows")
                continue
            [(name, note)] = json.loads(line).items()
            need(name in kinds and manifest is None, f"line {number} does not belong here")
            if name not in wanted:
                continue
            said = open_note(keys, note, kinds[name], f"line {number}, the {name},")
            if name == "key" and said:
                reigns.introduce(said["signer"], said["previous"], f"line {number}, the key,")
            if name == "tombstone":
                reigns.acts.setdefault(said["event"], set()).add(said["signer"])
            if name == "checkpoint":
                seq, follows = int(said["seq"]), (int(said["number"]) - 1, said["previous"])
                need(newest is None or follows[0] == newest[0], f"deleted: line {number}, the checkpoint, is not the next one")
                need(follows == (newest or follows) and marks.get(seq, said["hash"]) == said["hash"], f"rebuilt: line {number}, the checkpoint, does not follow")
                newest = int(said["number"]), hashlib.sha256(note.encode()).hexdigest()
                marks[seq], checkpoints = said["hash"], checkpoints + 1
                reigns.sign(said["signer"], seq, f"line {number}, the checkpoint,")
                reigns.turns.append((seq, said["signer"], ""))
            if name == "manifest":
                reigns.sign(said["signer"], int(said["head"].split()[0]), "the manifest")
            manifest = said if name == "manifest" else None
    need(manifest, "the file does not end with its manifest")
    need(manifest["format"] == "jsonl", "this is no export in JSON lines")

    contiguous, total, size, rows, last, previous = manifest["contiguous"] == "yes", hashlib.sha256(), 0, 0, None, manifest["previous"]
    for number, line in lines(path):
        if not line.startswith(b'{"manifest":'):
            total.update(line)
            size += len(line)
        if not line.startswith(b'{"action":'):
            continue
        event = json.loads(line)
        form = lambda: json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        need(form() == line[:-1], f"line {number} is not in the form in which rows are published")
        claimed, seq = event.pop("hash"), event["seq"]
        need(hashlib.sha256(form()).hexdigest() == claimed, f"edited: line {number} does not have its hash")
        need(last is None or seq > last, f"reordered: line {number}")
        need(not contiguous or seq == (int(manifest["first"]) if last is None else last + 1), f"deleted: rows are missing before line {number}")
        need((last is not None and seq != last + 1) or event["prev_hash"] == previous, f"edited: line {number} does not follow the row before it")
        need(marks.get(seq, claimed) == claimed, f"rebuilt: line {number} is not the row that a checkpoint names")
        reigns.row(event)
        rows, last, previous = rows + 1, seq, claimed
    reigns.check(manifest["signer"])
    need((rows, last or 0) == (int(manifest["rows"]), int(manifest["last"])), "tail-cut: the manifest speaks of other rows")
    need((str(size), total.hexdigest()) == (manifest["bytes"], manifest["sha256"]), "edited: the manifest was made for other bytes")
    print(f"{rows} rows, {checkpoints} checkpoints: nothing is wrong. The log ended with row {manifest['head'].split()[0]} when this was made.")


if __name__ == "__main__":
    need(len(sys.argv) == 3, __doc__)
    trusted = {}
    try:
        for entry in open(sys.argv[2], encoding="ascii").read().splitlines():
            if entry.strip() and not entry.startswith("#"):
                add_key(trusted, entry.strip())
        need(trusted, "there is no public key here")
        check(sys.argv[1], trusted)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as wrong:
        sys.exit(f"this is not in the form of an export: {type(wrong).__name__}")
