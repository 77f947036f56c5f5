"""The folder of copies of checkpoints in trouble, for failclosed_test.py. Not a test by itself."""

import json
import os
import subprocess
import time

import faults
import serving
from failhouse import House, load
from serving import expect

def anchored(checks, binary):
    """threat U1: the folder of copies is full, read-only, gone, silent: that is said, hinders nothing, and is made up for."""
    with House(binary, {"audit.checkpoint_rows": "1"}) as house:
        anchor = faults.Small(os.path.join(house.box.name, "anchor"), 1)
        house.settings["audit.anchor"] = anchor.path
        try:
            house.begin()
            for name, hurt, heal in (
                ("full", anchor.fill, anchor.clear),
                ("read-only", lambda: anchor.readonly(True), lambda: anchor.readonly(False)),
            ):
                checks.run(f"anchor {name}", hurt_anchor, house, anchor, hurt, heal)
            checks.run("anchor: proved", house.proved)
        finally:
            if house.process.poll() is None:
                house.kill()
            anchor.away()
        checks.run("anchor gone", gone, house, anchor)
        silent = faults.Silent(anchor.path)
        try:
            checks.run("anchor silent", hushed, house)
        finally:
            silent.end()
        house.kill()


def copied(path):
    """The numbers of the checkpoints that a folder has copies of."""
    numbers = []
    for name in sorted(os.listdir(path)):
        if name.endswith(".notes"):
            with open(os.path.join(path, name), encoding="utf-8") as notes:
                text = notes.read()
            numbers += [int(line.split()[1]) for line in text.splitlines() if line.startswith("number ")]
    return numbers


def hurt_anchor(house, anchor, hurt, heal):
    before = max(copied(anchor.path))
    hurt()
    # A last page of the folder may have room for some more.
    house.until("the trouble to be named", lambda: house.judge() == 200 and house.reasons() == (200, ["anchor_failing"]))
    load(house, seconds=0.5)
    expect(not house.refusals, f"verdicts were refused: {house.refusals[:1]}")
    heal()
    took = house.until("the end of the trouble", lambda: house.reasons() == (200, []))
    behind = max(copied(anchor.path)) - before
    house.command("audit", "verify", "--anchor", anchor.path)
    expect(behind > 2 and sorted(set(copied(anchor.path))) == list(range(1, max(copied(anchor.path)) + 1)), "copies are missing")
    return f"{behind} copies made up for, {took:.1f} s after"


def gone(house, anchor):
    os.rmdir(anchor.path)
    house.start()
    house.judge()
    house.until("the trouble to be named", lambda: house.reasons() == (200, ["anchor_failing"]))
    expect(not os.path.exists(anchor.path), "what is not mounted was made")
    os.mkdir(anchor.path, 0o700)
    took = house.until("the end of the trouble", lambda: house.reasons() == (200, []))
    house.kill()
    return f"made up for {took:.1f} s after"


def hushed(house):
    began = time.monotonic()
    house.start()
    took = time.monotonic() - began
    expect(house.judge() == 200, "a verdict was refused")
    house.until("the trouble to be named", lambda: house.reasons() == (200, ["anchor_failing"]))
    status, walked = house.call("POST", "/api/v1/audit/verify", house.key)
    expect(status == 200 and not walked.get("finding"), f"the server's own walk answered {status}: {walked}")
    doctor, said = timed(house, "doctor", "--json")
    codes = [c["code"] for c in json.loads(said.stdout)["checks"]]
    expect("audit_anchor_failing" in codes, f"doctor says {codes}")
    verify, said = timed(house, "audit", "verify")
    expect(said.returncode != 0 and "does not answer" in said.stderr, f"verify says {said.returncode}: {said.stderr}")
    expect(max(took, doctor, verify) < 30, "they wait for it")
    return f"ready after {took:.1f} s, doctor after {doctor:.1f} s, verify after {verify:.1f} s"


def timed(house, *words):
    """A command with the server's settings; answers its seconds too."""
    began = time.monotonic()
    done = subprocess.run(
        [house.binary, *words, "--data", house.data],
        capture_output=True, text=True, env=serving.environment(house.settings), timeout=60, check=False,
    )
    return time.monotonic() - began, done
