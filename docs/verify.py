#!/usr/bin/env python3
"""Checks an export of a Guardhouse audit log (JSON lines), or an evidence pack (zip), with nothing but Python 3 and the log's public keys.

    python3 verify.py EXPORT.jsonl PUBLIC-KEYS
    python3 verify.py PACK.zip PUBLIC-KEYS

PUBLIC-KEYS is what `guardhouse audit key` printed. Exit status 0; 1 and the first thing wrong; or 2 where a file cannot be read.
docs/audit.md has the formats.
"""
import base64, bisect, datetime, hashlib, itertools, json, os, re, stat, struct, sys, zipfile, zlib

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519 as in RFC 8032
D = -121665 * pow(121666, P - 2, P) % P
ZERO, MOST_KEYS, MOST_CHECKPOINTS = "0" * 64, 1024, 1 << 18


class Wrong(Exception):
    """The first thing wrong. Findings begin with their name."""


def need(ok, message):
    if not ok:
        raise Wrong(message)


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
    if y >= P or x * x % P != square or (odd and not x):
        raise ValueError("not a point of the curve")
    x = P - x if x & 1 != odd else x
    return x, y, 1, x * y % P


def signed(public, text, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(r + public + text).digest(), "little") % ORDER
    try:
        a, b = times(s, point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))), add(point(r), times(h, point(public)))
    except ValueError:
        return False
    return s < ORDER and (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def unbase64(text, where):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong(f"{where} is not in its form")
    need(base64.b64encode(raw).decode() == text, f"{where} can be written in another way")
    return raw


def add_key(keys, line, where="the file of public keys: a key"):
    """Adds a public key to keys, by its name, which is made of the key, and answers the name."""
    form = re.fullmatch("(guardhouse/[A-Za-z0-9_-]{1,64}/(ak[0-9a-f]{16}))\\+([0-9a-f]{8})\\+([A-Za-z0-9+/]+=*)", line)
    need(form, f"{where} is not in its form")
    name, own, tag, raw = form[1], form[2], form[3], unbase64(form[4], where)
    need(len(raw) == 33 and raw[0] == 1 and own == "ak" + hashlib.sha256(raw[1:]).hexdigest()[:16], f"{where} is not in its form")
    need(hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] == tag, f"{where} is not in its form")
    keys[name] = raw[1:], bytes.fromhex(tag)
    return name


# What stands in a note, word by word in this order, and what each value can be.
NAME, HASH, WHOLE, TEXT = "[A-Za-z0-9_-]{1,64}", "[0-9a-f]{64}", "0|[1-9][0-9]{0,15}", "[^\0-\x1f\x7f-\x9f\u2028\u2029]+"
TIME, HEAD = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z", f"({WHOLE}) {HASH}"
CAUSES = "rows|time|start|stop|rotate|prune|manual"
FORMS = {
    "key": dict(install=NAME, key=TEXT, at=TIME, previous=NAME),
    "checkpoint": dict(install=NAME, number=WHOLE, seq=WHOLE, hash=HASH, at=TIME, cause=CAUSES, previous=HASH),
    "tombstone": {"install": NAME, "first": WHOLE, "last": WHOLE, "rows": WHOLE, "previous": HASH, "hash": HASH, "from": TIME, "to": TIME, "at": TIME, "rule": TEXT, "event": NAME},
    "export": dict(install=NAME, format="jsonl|csv", rows=WHOLE, first=WHOLE, last=WHOLE, bytes=WHOLE, sha256=HASH, contiguous="yes|no", previous=HASH, hash=HASH, filter=TEXT,
                   at=TIME, by=TEXT, head=HEAD),
    "evidence": {"install": NAME, "version": TEXT, "at": TIME, "by": TEXT, "from": f"-|{TIME}", "to": f"-|{TIME}", "head": HEAD, "bytes": WHOLE, "sha256": HASH, "files": WHOLE},
}
FILE = f"({HASH}) ({WHOLE}) ([A-Za-z0-9_-][A-Za-z0-9._-]{{0,99}})"
MOST = {"evidence": 1 << 20}


def parse(text, kind, where):
    """The fields of a note's text, which has one form."""
    lines, form, fields, files = text.split("\n"), FORMS[kind], {}, []
    need(lines[0] == f"guardhouse/{kind}/v1" and lines.pop() == "" and len(lines) > len(form), f"edited: {where} is no {kind}")
    wanted = itertools.chain(form.items(), itertools.repeat(("file", FILE)) if kind == "evidence" else ())
    for line, (word, shape) in itertools.zip_longest(lines[1:], itertools.islice(wanted, max(len(lines) - 1, len(form))), fillvalue=("", "")):
        value = line[len(word) + 1:] if line and word and line.startswith(word + " ") else None
        good = value is not None and len(value.encode("utf-8", "surrogatepass")) <= 16 << 10 and re.fullmatch(shape, value)
        need(good, f"edited: {where} is not in the form in which notes are signed")
        if word == "file":
            files.append((good[3], int(good[2]), good[1]))
        elif shape == TIME or (word in ("from", "to") and value != "-"):
            moment(value, where)
        fields[word] = int(value) if shape == WHOLE else value
    number = lambda: need(all(v <= 2**53 - 1 for v in fields.values() if type(v) is int), f"edited: {where} has a number that it cannot have")
    number()
    if "head" in fields:
        seq, fields["head_hash"] = fields["head"].split(" ")
        fields["head_seq"] = int(seq)
        number()
        need((fields["head_seq"] == 0) == (fields["head_hash"] == ZERO), f"edited: {where} speaks of an end that cannot be")
    f = fields
    if kind == "checkpoint":
        good = f["number"] > 0 and (f["number"] == 1) == (f["previous"] == ZERO) and (f["seq"] == 0) == (f["hash"] == ZERO)
    elif kind == "tombstone":
        good = 0 < f["first"] <= f["last"] and f["rows"] == f["last"] - f["first"] + 1 and (f["first"] == 1) == (f["previous"] == ZERO)
    elif kind == "export":
        good = f["rows"] > 0 and 0 < f["first"] <= f["last"] <= f["head_seq"] and f["rows"] <= f["last"] - f["first"] + 1
        good = good or (f["rows"], f["first"], f["last"], f["previous"], f["hash"]) == (0, 0, 0, ZERO, ZERO)
    elif kind == "evidence":
        f["listed"] = files
        good = f["files"] == len(files) == len({n for n, _, _ in files}) and all(s <= 2**53 - 1 for _, s, _ in files)
    need(good, f"edited: {where} says what cannot be")
    return fields


def moment(text, where):
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        raise Wrong(f"edited: {where} has a time that is none")


def open_note(keys, note, kind, where, seen=()):
    """What a signed note says, {} for a key behind which no known one stands. A note that was opened before is in seen."""
    text, middle, rest = note.rpartition("\n\n")
    text += "\n"
    need(middle and len(note.encode("utf-8", "surrogatepass")) <= MOST.get(kind, 1 << 16) and text.startswith(f"guardhouse/{kind}/v1\n"), f"edited: {where} is no {kind}")
    known, said, own, known_before = dict(keys), None, None, False
    if kind == "key":  # introduces itself; the key before it vouches
        said = parse(text, kind, where)
        own = add_key(known, said["key"], f"edited: {where}")
        known_before = own in keys
    form = re.fullmatch("(?:\u2014 ([^ \n]+) ([^ \n]+)\n)+", rest)
    need(form, f"edited: {where} is not signed as notes are")
    signers, strange = re.findall("\u2014 ([^ \n]+) ([^ \n]+)\n", rest), 0
    for name, data in signers[:3]:
        raw = unbase64(data, f"edited: a signature of {where}")
        if name not in known or raw[:4] != known[name][1]:
            strange += 1
            continue
        good = len(raw) == 68 and (hashlib.sha256(note.encode()).digest() in seen or signed(known[name][0], text.encode(), raw[4:]))
        need(good, f"edited: {where} does not have the signature that it was written with")
    if kind == "key":
        install, previous = said["install"], said["previous"]
        need(own.split("/")[1] == install, f"edited: {where} speaks of another installation's key")
        before = f"guardhouse/{install}/{previous}"
        if not known_before and strange:
            return {}
        need([n for n, _ in signers] == [own] + ([before] if previous != "none" else []) and before != own, f"edited: {where} is not signed by itself and by the key before it")
        need(not known_before or strange == (previous != "none" and before not in keys), f"edited: {where} is not signed by itself")
        if not known_before and before not in keys:
            return {}  # it is of no use
        keys.update(known)
        said["signer"] = own.split("/")[2]
        return said
    need(strange == 0, f"rebuilt: {where} is signed by no known key")
    need(len(signers) == 1, f"edited: {where} has a signature too many")
    said = parse(text, kind, where)
    need(signers[0][0].split("/")[1] == said["install"], f"edited: {where} was signed for another installation")
    said["signer"] = signers[0][0].split("/")[2]
    return said


class Reigns:
    """Which key follows which, and what each has signed: a key signs up to the row by which the next took over."""

    def __init__(self):
        self.before, self.noted, self.turns, self.most, self.since, self.acts = {}, [], [], {}, {}, {}

    def introduce(self, key, previous, where):
        need(previous == "none" or all(k == key or self.before.get(k) != previous for k in self.noted), f"rebuilt: {where} follows a key that another follows")
        if key not in self.noted:
            self.noted.append(key)
            self.before[key] = "" if previous == "none" else previous

    def sign(self, key, seq, what):
        if seq > self.most.get(key, (-1, ""))[0]:
            self.most[key] = seq, what

    def mark(self, key, seq, what):
        self.sign(key, seq, what)
        self.since[key] = min(seq, self.since.get(key, seq))

    def row(self, event):
        for key in self.acts.get(event["id"], ()):
            self.sign(key, event["seq"], "a tombstone")
        said, fresh = event["details"], event["resource"][10:]
        changed = event["resource"].startswith("audit-key:") and (event["action"], event["decision"]) == ("settings.manage", "allow")
        if changed and said.get("change") in ("first", "rotate", "lost") and len(self.turns) < MOST_KEYS:
            before = said.get("before") if isinstance(said.get("before"), str) else ""
            self.turns.append((event["seq"], fresh, before))
            if not self.before.get(fresh) and before != fresh:
                self.before[fresh] = before

    def line(self, key):
        out = set()
        while key and key not in out:
            out.add(key)
            key = self.before.get(key)
        return out

    def over(self, key, fresh, before):  # it was replaced by fresh, or is another that came from the same
        return before and fresh not in self.line(key) and (before in self.line(key) or key in self.line(before))

    def check(self, manifest):
        for fresh in self.noted:
            need(not self.over(manifest, fresh, self.before[fresh]), "rebuilt: the manifest is signed with a key that had been replaced")
        for seq, fresh, before in self.turns + [(seq, key, self.before.get(key)) for key, seq in self.since.items()]:
            for key, (most, what) in self.most.items():
                need(most < seq or not self.over(key, fresh, before), f"rebuilt: {what} is signed with a key that had been replaced")


class Stones:
    """The tombstones of a file: each stands for rows that were removed, after a row with its hash, up to a row with its hash."""

    def __init__(self):
        self.list, self.next, self.rows = [], {}, 0

    def add(self, said):
        self.list.append((said["first"], said["last"], said["previous"], said["hash"]))
        self.next[said["first"], said["previous"]] = said["last"], said["hash"]
        self.rows += said["rows"]

    def apart(self):
        for a, b in zip(self.list, self.list[1:]):
            need(b[0] > a[1], "reordered: a tombstone stands behind one of later rows, or over the same")

    def bridge(self, seq, last, until=None):
        """The number and hash behind which the tombstones end that begin behind a row, at the latest with row until."""
        while (seq + 1, last) in self.next and (until is None or self.next[seq + 1, last][0] <= until):
            seq, last = self.next[seq + 1, last]
        return seq, last

    def sort(self):
        self.list.sort()
        self.firsts = [s[0] for s in self.list]
        self.reach = list(itertools.accumulate((s[1] for s in self.list), max))

    def touch(self, first, last):  # whether a tombstone stands for one of these rows
        at = bisect.bisect_right(self.firsts, last)
        return at > 0 and self.reach[at - 1] >= first


def lines(source):
    with source() as file:
        number = 0
        while True:
            line = file.readline(1 << 20)
            if not line:
                return
            number += 1
            need(line.endswith(b"\n") or len(line) < 1 << 20, f"this is no export of an audit log: line {number} is longer than any line of ours")
            need(line.endswith(b"\n"), "tail-cut: the file ends in the middle of a line")
            yield number, line


def decode(line):
    def refuse(token):
        raise ValueError(token)

    return json.loads(line.decode(), parse_constant=refuse, parse_int=lambda s: int(s) if len(s) < 40 else refuse(s))


def note_of(number, line):
    """The kind and the note of a line, which has one spelling."""
    wrong = f"this is no export of an audit log: line {number} is neither a row nor a note"
    try:
        [(kind, note)] = decode(line).items()
        again = json.dumps({kind: note}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise Wrong(wrong)
    for raw, escaped in ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"), ("\u2028".encode(), b"\\u2028"), ("\u2029".encode(), b"\\u2029")):
        again = again.replace(raw, escaped)
    need(isinstance(note, str) and again + b"\n" == line, wrong)
    return kind, note


WORDS = "action at content_hash decision hash id ip key_id model model_sha256 operation prev_hash purpose reason request_id resource rule_id user_agent".split()
MEMBERS = dict(dict.fromkeys(WORDS, str), actor=dict, details=dict, groups=list, roles=list, policy_version=int, seq=int, v=int)


def row_of(number, line):
    """A row, which has one spelling, and the hash that it claims and has."""
    wrong = f"edited: line {number} is not in the form in which rows are published"
    try:
        event = decode(line)
        form = lambda: json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        good = form() == line[:-1] and set(event) == set(MEMBERS) | {"duration_ms"} and all(type(event[k]) is t for k, t in MEMBERS.items())
        good = good and set(event["actor"]) == {"id", "name", "type"} and all(type(v) is str for v in [*event["actor"].values(), *event["groups"], *event["roles"]])
        need(good and re.fullmatch("-?(0|[1-9][0-9]*)(\\.[0-9]{0,2}[1-9])?", json.dumps(event["duration_ms"])) and re.fullmatch(TIME, event["at"]), wrong)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Wrong(wrong)
    moment(event["at"], f"line {number}")
    claimed = event.pop("hash")
    need(event["v"] == 1 and hashlib.sha256(form()).hexdigest() == claimed, f"edited: line {number} does not have the hash that it was written with")
    return event, claimed


def check(source, keys, pack=None):
    """Checks an export; of the export in a pack also what the pack says of it. Answers its manifest and what to say."""
    kinds = {"key": "key", "checkpoint": "checkpoint", "tombstone": "tombstone", "manifest": "export"}
    marks, manifest, checkpoints, newest, reigns, stones = dict(pack["marks"]) if pack else {}, None, 0, None, Reigns(), Stones()
    seen, copies = pack["seen"] if pack else set(), {kind: hashlib.sha256() for kind in kinds}
    brought, known_keys, once = 0, set(), set()
    for number, line in lines(source):  # a key may stand behind what it signed
        if not line.startswith(b'{"key":'):
            continue
        kind, note = note_of(number, line)
        brought += 1
        need(brought <= MOST_KEYS, "edited: the file brings more keys than a log has")
        if kind == "key" and note not in known_keys:
            known_keys.add(note)
            said = open_note(keys, note, kind, f"line {number}, the key,", seen)
            if said:
                reigns.introduce(said["signer"], said["previous"], f"line {number}, the key,")
    for number, line in lines(source):
        if line.startswith(b'{"action":'):
            need(not checkpoints and manifest is None, f"inserted: line {number} is a row behind the rows")
            continue
        name, note = note_of(number, line)
        need(manifest is None, f"inserted: line {number} follows the manifest")
        need(name in kinds, f"this is no export of an audit log: line {number} is a note of a kind that exports do not have")
        copies[name].update(note.encode())
        if name == "key":
            continue
        where, digest = f"line {number}, the {name},", hashlib.sha256(note.encode()).digest()
        if name == "tombstone" and digest in once:
            need(not pack, f"reordered: {where} stands there twice")
            continue
        said = open_note(keys, note, kinds[name], where, seen)
        if name == "tombstone":
            once.add(digest)
            need(len(once) <= MOST_CHECKPOINTS, "edited: the file has more tombstones than a log")
            reigns.acts.setdefault(said["event"], set()).add(said["signer"])
            stones.add(said)
        if name == "checkpoint":
            if newest:
                need(said["number"] > newest["number"], f"reordered: {where} stands behind a later one")
                need(said["number"] == newest["number"] + 1, f"deleted: checkpoint {newest['number'] + 1} is missing")
                need(follows(said, newest), f"rebuilt: {where} does not follow the one before it")
            need(marks.get(said["seq"], said["hash"]) == said["hash"], f"rebuilt: {where} and another name two hashes of one row")
            newest, checkpoints, marks[said["seq"]] = dict(said, note=note), checkpoints + 1, said["hash"]
            reigns.mark(said["signer"], said["seq"], where)
        if name == "manifest":
            reigns.sign(said["signer"], said["head_seq"], "the manifest")
            manifest = said
    need(manifest, "tail-cut: the file does not end with its manifest")
    need(manifest["format"] == "jsonl", "edited: the manifest is that of a table, and these are JSON lines")
    try:
        times = set(decode(manifest["filter"].encode())) <= {"from", "to"}  # no row between two times is left out
    except (ValueError, TypeError, RecursionError):
        times = False
    if pack:
        stones.apart()
    stones.sort()

    contiguous, total, size, rows, first, last, previous = manifest["contiguous"] == "yes", hashlib.sha256(), 0, 0, 0, 0, ZERO
    back, open_gap, newest_at = None, False, ""
    for number, line in lines(source):
        if not line.startswith(b'{"manifest":'):
            total.update(line)
            size += len(line)
        if not line.startswith(b'{"action":'):
            continue
        event, claimed = row_of(number, line)
        seq = event["seq"]
        need(not rows or seq > last, f"reordered: row {seq} stands behind row {last}")
        need(not rows or seq != last + 1 or event["prev_hash"] == previous, f"edited: row {seq} does not follow the row before it")
        need(marks.get(seq, claimed) == claimed, f"rebuilt: row {seq} is not the row that a checkpoint names")
        need(not (pack and stones.touch(seq, seq)), f"inserted: row {seq} is in the file, and a tombstone says that it was removed")
        if not rows:
            if pack and pack["note"]["from"] == "-":
                need(stones.bridge(0, ZERO, seq - 1) == (seq - 1, event["prev_hash"]), f"deleted: rows are missing before row {seq}")
            elif pack:
                need(event["at"] >= pack["note"]["from"], f"edited: row {seq}, the first, is older than the period")
                need(all(s[1] != seq - 1 or s[3] == event["prev_hash"] for s in stones.list), f"deleted: row {seq} does not follow the tombstone before it")
            need(not contiguous or not manifest["rows"] or seq <= manifest["first"], f"deleted: the rows begin with {seq}, and the manifest says {manifest['first']}")
            need(not manifest["rows"] or seq != manifest["first"] or event["prev_hash"] == manifest["previous"], f"edited: row {seq} is not the one that the manifest begins with")
            first = seq
        elif seq > last + 1:
            need(not contiguous, f"deleted: rows {last + 1} to {seq - 1} are missing")
            filled = stones.bridge(last, previous, seq - 1) == (seq - 1, event["prev_hash"])
            need(filled or not (pack or times and stones.touch(last + 1, seq - 1)), f"deleted: rows {last + 1} to {seq - 1} are missing, and no tombstones stand for them")
            open_gap = open_gap or not filled
        if rows and event["at"] < newest_at and back is None:
            back = f"clock-back: row {seq} is older than the row before it"
        reigns.row(event)
        rows, last, previous, newest_at = rows + 1, seq, claimed, event["at"]
    reigns.check(manifest["signer"])
    need(rows >= manifest["rows"] or last >= manifest["last"], "tail-cut: the manifest speaks of rows that are not in the file")
    need(rows >= manifest["rows"], "deleted: the manifest speaks of more rows than the file has")
    need(rows <= manifest["rows"], "inserted: the manifest speaks of fewer rows than the file has")
    need((first, last) == (manifest["first"], manifest["last"]) and (not rows or previous == manifest["hash"]), "edited: the rows are not those that the manifest speaks of")
    need((size, total.hexdigest()) == (manifest["bytes"], manifest["sha256"]), "edited: the bytes before the manifest are not those that it was made for")
    if pack:
        note = pack["note"]
        need(manifest["signer"] == note["signer"], "rebuilt: audit.jsonl is signed with another key than the pack")
        bounds = ",".join(f'"{k}":"{re.sub("[.]?0*Z$", "Z", note[k])}"' for k in ("from", "to") if note[k] != "-")
        same = all(manifest[k] == note[k] for k in ("install", "head", "at", "by")) and manifest["filter"] == f"{{{bounds}}}"
        need(same, "edited: audit.jsonl is not the export that was made for this pack")
        need(all(copies[kind].digest() == sum for kind, sum in pack["copies"].items()), "edited: the members with notes do not hold those of audit.jsonl")
        need(not rows or all(s[0] != last + 1 or s[2] == previous for s in stones.list), f"deleted: the tombstone behind row {last} does not follow it")
        need(not rows or note["to"] == "-" or newest_at < note["to"], f"edited: row {last}, the last, is newer than the period")
        if note["to"] == "-" and (note["from"] == "-" or note["from"] <= note["at"]):
            whole = rows and stones.bridge(last, previous, note["head_seq"]) == (note["head_seq"], note["head_hash"])
            need(whole, f"tail-cut: the log ended with row {note['head_seq']}, and the rows in the pack do not")
    need(back is None, back)
    out = [f"{rows} rows, {checkpoints} checkpoints: nothing is wrong. The log ended with row {manifest['head_seq']} when this was made."]
    if pack and stones.rows:
        out.append(f"removed {stones.rows} rows of the period or beside it under {len(stones.list)} tombstones")
    if pack and not rows:
        out.append("no row of the period is in it")
    if pack and (pack["note"]["from"], pack["note"]["to"]) != ("-", "-"):
        out.append("not provable: deleted: rows at the bounds of the period: that none is missing there is the word of whoever signed")
    if not pack and (open_gap or not contiguous and not times):
        out.append("not provable: deleted: the rows are not contiguous; that none is missing which the filter finds is the word of whoever signed the manifest")
    return manifest, out


def follows(said, before):
    return (said["install"], said["number"], said["previous"]) == (before["install"], before["number"] + 1, hashlib.sha256(before["note"].encode()).hexdigest()) and (
        said["seq"] > before["seq"] or (said["seq"], said["hash"]) == (before["seq"], before["hash"]))


def layout(file):
    """The members of a pack as (name, begin of content, packed length, length), after every header was held against its only form."""
    size = file.seek(0, 2)
    need(22 <= size < 2**32 - 1, "this is no evidence pack: it is too short or too long")
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
    need(where == at and not directory and sum(m[3] for m in members) <= 2**32 - 2**21, "edited: the members do not fill the file")
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
        if note and re.match(b"guardhouse/(key|checkpoint|tombstone|export|evidence)/v1\n", line):
            yield text_of(note, where)
            note = b""
        note += line
        need(len(note) <= 1 << 16, f"edited: {where} holds what is no note")
    if note:
        yield text_of(note, where)


def text_of(note, where):
    try:
        return note.decode()
    except ValueError:
        raise Wrong(f"edited: {where} holds what is no note")


MEMBER_NAMES = ["README.md", "verify.py", "config.json", "people.json", "policy.jsonl", "models.json", "sbom.json", "audit.jsonl", "keys.notes", "checkpoints.notes", "tombstones.notes"]


def check_pack(path, keys):
    with open_plain(path) as file:
        members, stamp = layout(file)
        _, begin, length, _, crc = members.pop()
        note, prefix = b"".join(blocks(file, begin, length)), hashlib.sha256()
        need(zlib.crc32(note) == crc, "edited: the note about the pack has another checksum")
        sizes = {name: whole for name, _, _, whole, _ in members}
        need("keys.notes" in sizes, "deleted: there is no keys.notes")
        need(sizes["keys.notes"] <= 4 << 20, "edited: keys.notes is longer than keys can be")
        pack, line, reigns = zipfile.ZipFile(file), [], Reigns()
        copies, once, seen, marks, before = {}, set(), set(), {}, None

        def each(kind, member):
            total, number = hashlib.sha256(), 0
            for text in notes(pack.open(member), member) if member in sizes else ():
                number += 1
                total.update(text.encode())
                yield text, f"{kind} {number} of {member}"
            copies[kind] = total.digest()

        for number, (text, where) in enumerate(each("key", "keys.notes")):
            need(number < MOST_KEYS, "edited: keys.notes holds more keys than a log has")
            if text in once:
                continue
            once.add(text)
            said = open_note(keys, text, "key", where)
            if said:
                reigns.introduce(said["signer"], said["previous"], where)
                line.append(said["signer"])
        need(line, "deleted: keys.notes holds no key that a known one stands behind")
        said = open_note(keys, text_of(note, "manifest.note"), "evidence", "the note about the pack")
        need(said["signer"] == line[-1], "rebuilt: the note about the pack is signed with a key that had been replaced, or that is not among its keys")
        need(said["bytes"] == begin - 30 - len("manifest.note"), "edited: the archive is not byte for byte the one that was signed")
        for block in blocks(file, 0, said["bytes"]):
            prefix.update(block)
        need(said["sha256"] == prefix.hexdigest(), "edited: the archive is not byte for byte the one that was signed")
        at = moment(said["at"], "the note about the pack")
        dos = (at.year - 1980 << 9 | at.month << 5 | at.day) << 16 | at.hour << 11 | at.minute << 5 | at.second // 2
        need(stamp == (dos if 1980 <= at.year < 2108 else 0x210000), "edited: its members have another time than the pack")
        need(set(sizes) <= set(MEMBER_NAMES), "inserted: it has a member that packs do not have")
        for name in MEMBER_NAMES[:-1]:
            need(name in sizes, f"deleted: there is no {name}")
        need([m[0] for m in members] == MEMBER_NAMES[:len(members)], "edited: its members are not in their order")
        need([(n, s) for n, s, _ in said["listed"]] == [(m[0], m[3]) for m in members], "edited: its members are not those of its note")
        for (name, _, wanted), (_, *rest) in zip(said["listed"], members):
            total = hashlib.sha256()
            for block in unpacked(file, *rest):
                total.update(block)
            need(total.hexdigest() == wanted, f"edited: {name} is not what was signed")
        for number, (text, where) in enumerate(each("checkpoint", "checkpoints.notes")):
            need(number < MOST_CHECKPOINTS, "edited: checkpoints.notes has more checkpoints than a pack can have")
            one = open_note(keys, text, "checkpoint", where)
            need(before is None or follows(one, before), f"deleted: {where} does not follow the one before it")
            before, marks[one["seq"]] = dict(one, note=text), one["hash"]
            seen.add(hashlib.sha256(text.encode()).digest())
        for number, (text, where) in enumerate(each("tombstone", "tombstones.notes")):
            need(number < MOST_CHECKPOINTS, "edited: tombstones.notes has more tombstones than a pack can have")
            open_note(keys, text, "tombstone", where)
            seen.add(hashlib.sha256(text.encode()).digest())
        _, out = check(lambda: pack.open("audit.jsonl"), keys, dict(note=said, marks=marks, seen=seen, copies=copies))
    return out + [f"{len(members)} members: nothing is wrong. Made at {said['at']} by {said['by']}, signed by {said['signer']} of {said['install']}."]


class Unreadable(Exception):
    """A file that is not there, or no plain file."""


def open_plain(path):
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb")
    except OSError as wrong:
        raise Unreadable(f"{path}: {wrong.strerror}")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise Unreadable(f"{path}: no plain file")
    return file


def read_keys(path):
    """The public keys of a file, one a line; empty lines and those that begin with # are left out."""
    with open_plain(path) as file:
        text, keys = file.read((512 << 10) + 1), {}
    need(len(text) <= 512 << 10, "the file of public keys is too long")
    need(text[:2] not in (b"\xff\xfe", b"\xfe\xff"), "the file of public keys is in UTF-16: save it as UTF-8")
    for line in text.decode("utf-8-sig", "replace").split("\n"):
        if line.strip() and not line.strip().startswith("#"):
            add_key(keys, line.strip())
    need(keys, "the file of public keys holds no public key")
    need(len(keys) <= MOST_KEYS, "the file of public keys holds too many")
    return keys


def verified(path, key_path):
    keys = read_keys(key_path)
    with open_plain(path) as start:
        packed = start.read(4) == b"PK\3\4"
    return check_pack(path, keys) if packed else check(lambda: open_plain(path), keys)[1]


def plain(text):
    """What a terminal shows as it is: nothing that moves the cursor or turns the direction of writing."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main(args):
    if len(args) != 3:
        return 2, [], __doc__
    try:
        return 0, verified(args[1], args[2]), ""
    except Wrong as wrong:
        return 1, [], plain(str(wrong))
    except Unreadable as wrong:
        return 2, [], plain(str(wrong))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, EOFError, OSError, NotImplementedError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile) as wrong:
        return 1, [], f"this is not in the form of an export or a pack: {type(wrong).__name__}"


if __name__ == "__main__":
    status, good, bad = main(sys.argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    for line in good:
        print(plain(line))
    if bad:
        print(bad, file=sys.stderr)
    sys.exit(status)
