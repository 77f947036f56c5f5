#!/usr/bin/env python3
"""Checks an export of a Guardhouse audit log (JSON lines), or an evidence pack (zip), with nothing but Python 3 and the log's public keys.

    python3 verify.py EXPORT.jsonl PUBLIC-KEYS
    python3 verify.py PACK.zip PUBLIC-KEYS

PUBLIC-KEYS is what `guardhouse audit key` printed. Exit status 0, or 1 and the first thing wrong; docs/audit.md has the formats.
"""
import base64, hashlib, itertools, json, re, struct, sys, time, zipfile, zlib

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


def open_note(keys, note, kind, where, seen=()):
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
        need(base64.b64encode(raw).decode() == data, f"{where} can be written in another way")
        need(len(raw) == 68 and raw[:4] == known[name][1] and (note in seen or signed(known[name][0], text.encode(), raw[4:])), f"{where}: the signature is wrong")
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


def lines(source):
    with source() as file:
        number = 0
        while line := file.readline(1 << 20):
            number += 1
            need(line.endswith(b"\n"), f"line {number} is cut off or too long")
            yield number, line


def check(source, keys, given=None, seen=()):
    kinds = {"key": "key", "checkpoint": "checkpoint", "tombstone": "tombstone", "manifest": "export"}
    marks, manifest, checkpoints, newest, reigns = dict(given or {}), None, 0, None, Reigns()
    for wanted in (("key",), ("checkpoint", "tombstone", "manifest")):  # a key may stand behind what it signed
        for number, line in lines(source):
            if line.startswith(b'{"action":'):
                need(not checkpoints and manifest is None, f"line {number}: a row behind the rows")
                continue
            [(name, note)] = json.loads(line).items()
            need(name in kinds and manifest is None, f"line {number} does not belong here")
            if name not in wanted:
                continue
            said = open_note(keys, note, kinds[name], f"line {number}, the {name},", seen)
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
    for number, line in lines(source):
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
    return manifest, f"{rows} rows, {checkpoints} checkpoints: nothing is wrong. The log ended with row {manifest['head'].split()[0]} when this was made."


def layout(file):
    """The members of a pack as (name, begin of content, packed length, length), after every header was held against its only form."""
    size = file.seek(0, 2)
    need(22 <= size < 2**32, "this is no evidence pack: it is too short or too long")
    read = lambda at, n: (file.seek(at), file.read(n))[1]
    count, length, at = struct.unpack("<10xHLL2x", read(size - 22, 22))
    need(0 < count <= 64 and length <= 64 * 146 and at + length + 22 == size, "this is no evidence pack: it does not end as one")
    need(read(size - 22, 22) == struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, length, at, 0), "this is no evidence pack: it does not end as one")
    directory, where, members, stamp = read(at, length), 0, [], None
    for number in range(1, count + 1):
        need(len(directory) >= 46, "edited: the directory is cut off")
        when, crc, packed, whole, n = struct.unpack("<12xLLLLH", directory[:30])
        name, stamp, last = directory[46:46 + n], when if stamp is None else stamp, number == count
        flags, method = (0, 0) if last else (8, 8)
        form = struct.pack("<4s4HL3L5H2L", b"PK\1\2", 788, 20, flags, method, stamp, crc, packed, whole, n, 0, 0, 0, 0, 0o100644 << 16, where) + name
        need(directory[:46 + n] == form, "edited: an entry of the directory is not in its form")
        need(re.fullmatch(rb"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", name) and (name == b"manifest.note") == last, "edited: a member has a name that it cannot have")
        sizes = (crc, packed, whole) if last else (0, 0, 0)
        need(read(where, 30 + n) == struct.pack("<4s3HL3L2H", b"PK\3\4", 20, flags, method, stamp, *sizes, n, 0) + name, "edited: a header is not what the directory says")
        begin, where = where + 30 + n, where + 30 + n + packed
        if not last:
            need(read(where, 16) == struct.pack("<4s3L", b"PK\7\10", crc, packed, whole), "edited: a header is not what the directory says")
            where += 16
        need(whole < 2**32 - 2**21 and (not last or packed == whole <= 1 << 20), "edited: a member is larger than it can be")
        members, directory = members + [(name.decode(), begin, packed, whole, crc)], directory[46 + n:]
    need(where == at and not directory and sum(m[3] for m in members) < 2**32 - 2**21, "edited: the members do not fill the file")
    need(len({m[0] for m in members}) == count, "edited: a member stands there twice")
    return members, stamp


def blocks(file, at, n):
    file.seek(at)
    while n > 0:
        block = file.read(min(n, 1 << 16))
        need(block, "the file ends early")
        n -= len(block)
        yield block


def unpacked(file, begin, packed, whole, crc):
    """The content of a member, block by block, up to the length that it says and not a byte further."""
    inflate, done, check = zlib.decompressobj(-15), 0, 0
    for block in itertools.chain(blocks(file, begin, packed), (b"",)):  # what zlib still holds comes with the last
        while True:
            out = inflate.decompress(block, 1 << 16)
            block, done, check = inflate.unconsumed_tail, done + len(out), zlib.crc32(out, check)
            need(done <= whole and not inflate.unused_data, "edited: a member is longer than it says")
            yield out
            if not out and not block:
                break
    need(inflate.eof and done == whole and check == crc, "edited: a member is not what its headers say")


def notes(content, where):
    """The notes of a member, one after the other; none is longer than 64 KiB."""
    note = b""
    for line in iter(lambda: content.readline(1 << 16), b""):
        if note and re.match(rb"guardhouse/[a-z]+/v1\n", line):
            yield note.decode()
            note = b""
        note += line
        need(len(note) <= 1 << 16, f"{where} holds what is no note")
    if note:
        yield note.decode()


def check_pack(path, keys):
    with open(path, "rb") as file:
        members, stamp = layout(file)
        _, begin, length, _, crc = members.pop()
        note, prefix = b"".join(blocks(file, begin, length)), hashlib.sha256()
        need(zlib.crc32(note) == crc, "edited: the note about the pack has another checksum")
        sizes = {name: whole for name, _, _, whole, _ in members}
        need("keys.notes" in sizes and "audit.jsonl" in sizes, "deleted: the keys or the rows are missing")
        need(sizes["keys.notes"] <= 4 << 20, "edited: the keys are longer than keys can be")
        pack, line = zipfile.ZipFile(path), []
        for text in notes(pack.open("keys.notes"), "keys.notes"):
            said = open_note(keys, text, "key", "a key in keys.notes")
            line += [said["key"].split("+")[0].split("/")[2]] if said else []
        said = open_note(keys, note.decode(), "evidence", "the note about the pack")
        need(said["signer"] not in line[:-1], "rebuilt: the note about the pack is signed with a key that had been replaced")
        for block in blocks(file, 0, int(said["bytes"])):
            prefix.update(block)
        need((said["sha256"], int(said["bytes"])) == (prefix.hexdigest(), begin - 30 - len("manifest.note")), "edited: the archive is not byte for byte the one that was signed")
        at = time.strptime(said["at"][:19], "%Y-%m-%dT%H:%M:%S")
        dos = (at.tm_year - 1980 << 9 | at.tm_mon << 5 | at.tm_mday) << 16 | at.tm_hour << 11 | at.tm_min << 5 | at.tm_sec // 2
        need(stamp == (dos if 1980 <= at.tm_year < 2108 else 0x210000), "edited: its members have another time than the pack")
        listed = re.findall("^file ([0-9a-f]{64}) ([0-9]+) (\\S+)$", note.decode(), re.M)
        need([(n, int(s)) for _, s, n in listed] == [(m[0], m[3]) for m in members] and int(said["files"]) == len(listed), "edited: its members are not those of its note")
        for (wanted, _, name), (_, *rest) in zip(listed, members):
            total = hashlib.sha256()
            for block in unpacked(file, *rest):
                total.update(block)
            need(total.hexdigest() == wanted, f"edited: {name} is not what was signed")
    marks, before, seen = {}, None, set()
    for text in notes(pack.open("checkpoints.notes"), "checkpoints.notes") if "checkpoints.notes" in sizes else ():
        one = open_note(keys, text, "checkpoint", "a checkpoint in checkpoints.notes")
        need(before is None or one["previous"] == before, "deleted: a checkpoint in checkpoints.notes does not follow the one before it")
        before, marks[int(one["seq"])] = hashlib.sha256(text.encode()).hexdigest(), one["hash"]
        seen.add(text)
    for text in notes(pack.open("tombstones.notes"), "tombstones.notes") if "tombstones.notes" in sizes else ():
        open_note(keys, text, "tombstone", "a tombstone in tombstones.notes")
        seen.add(text)
    rows, found = check(lambda: pack.open("audit.jsonl"), keys, marks, seen)
    bounds, milli = json.loads(rows["filter"]), lambda t: t[:-1].partition(".")[0] + "." + (t[:-1].partition(".")[2] + "000")[:3] + "Z"
    need((rows["install"], rows["head"], rows["at"]) == (said["install"], said["head"], said["at"]), "edited: the rows are not those that were exported for this pack")
    need({k: milli(v) for k, v in bounds.items()} == {k: said[k] for k in ("from", "to") if said[k] != "-"}, "edited: the rows are not those that were exported for this pack")
    return f"{found}\n{len(members)} members: nothing is wrong. Made at {said['at']} by {said['by']}, signed by {said['signer']} of {said['install']}."


if __name__ == "__main__":
    need(len(sys.argv) == 3, __doc__)
    trusted = {}
    try:
        for entry in open(sys.argv[2], encoding="ascii").read().splitlines():
            if entry.strip() and not entry.startswith("#"):
                add_key(trusted, entry.strip())
        need(trusted, "there is no public key here")
        with open(sys.argv[1], "rb") as start:
            packed = start.read(4) == b"PK\3\4"
        if packed:
            print(check_pack(sys.argv[1], trusted))
        else:
            print(check(lambda: open(sys.argv[1], "rb"), trusted)[1])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, EOFError, NotImplementedError, struct.error, zlib.error, zipfile.BadZipFile) as wrong:
        sys.exit(f"this is not in the form of an export or a pack: {type(wrong).__name__}")
