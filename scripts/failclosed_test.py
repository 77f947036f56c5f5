"""A real server over HTTPS whose disk is full, read-only, locked, fails to sync or loses what was written, and its anchor likewise.

usage: failclosed_test.py bin/guardhouse [CASE]...

What is proved of each: no request is answered without its row; models' routes say 503 with the reason and never 500; readiness goes off and
says why; the server goes on by itself when the disk does; and `guardhouse audit verify` finds the chain whole, after a kill too.
What has to be mounted needs root or user namespaces, and is skipped elsewhere.
"""

import concurrent.futures
import http.client
import json
import os
import random
import sqlite3
import sys
import threading
import time

import faults
import serving
from failanchor import anchored
from failhouse import House, load
from kill_test import Load, pages, whole
from serving import expect


def full(checks, binary):
    """threat U2: the disk fills; what is left belongs to who is signed in, and strangers' refusals are summed."""
    with House(binary, {"moderation.cache_entries": "0"}) as house:
        disk = faults.Small(house.data, 64)
        try:
            house.begin()
            checks.run("full: the reserve", reserve, house, disk)
            checks.run("full: refused", filled, house, disk)
            disk.clear()
            checks.run("full: goes on", lambda: f"after {house.goes_on():.1f} s")
            checks.run("full: refusals say why", house.closed_and_clean)
            checks.run("full: strangers are one row", summed, house)
            checks.run("full: proved", house.proved)
            disk.fill()
            checks.run("full: a start", start_full, house, disk)
        finally:
            if house.process.poll() is None:
                house.kill()
            disk.away()


def reserve(house, disk):
    log = os.path.join(house.data, "guardhouse.db-wal")
    load(house, until=lambda: os.path.getsize(log) > 4 << 20)  # its size from now on
    disk.fill(leave=int(0.03 * disk.total))  # below the reserve, above what is nearly full
    house.until("the reserve to be noticed", lambda: any("crossed the reserve" in line for line in house.log))
    before = rows(house, "anonymous")
    for _ in range(50):
        expect(house.call("POST", "/api/v1/moderations", None, {"input": "hello"})[0] == 401, "a stranger was let in")
    expect(rows(house, "anonymous") == before, "a stranger has rows in the reserve")
    enough = len(house.answers) + 150  # less than half of what is left
    load(house, until=lambda: len(house.answers) >= enough)
    expect(not house.refusals, f"signed-in people were refused: {house.refusals[:1]}")
    status, _ = house.call("GET", "/api/v1/audit/events/evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", house.key)
    expect(status == 404, f"reading the log answered {status}")
    return f"{len(house.answers) - enough + 150} answers in it"


def rows(house, kind):
    """How many rows of a kind of actor there are. The server's own answer: its files are not touched while it runs."""
    return sum(1 for e in pages(house, house.key, "/api/v1/audit/events", 500) if e["actor"]["type"] == kind)


def filled(house, disk):
    disk.fill()
    load(house, until=lambda: len(house.refusals) >= 20)
    house.refused(now_and_then=True)
    expect("disk_low" in house.reasons()[1], f"readiness says {house.reasons()}")
    for _ in range(50):
        expect(house.call("POST", "/api/v1/moderations", None, {"input": "hello"})[0] in (401, 503), "a stranger was answered")
    status, body = house.call("POST", "/api/v1/auth/login", None, {"username": "loader", "password": serving.PASSWORD})
    expect(status == 200 or (status == 503 and body["code"] == "audit_unavailable"), f"a sign-in: {status} {body}")


def summed(house):
    expect(house.stop() == 0, "it did not stop in good order")
    events = stored(house, "SELECT reason, details FROM audit_events WHERE actor_type = 'anonymous' AND decision <> 'allow'")
    sums = [json.loads(details)["refusals"] for reason, details in events if reason == "summed"]
    expect(len(events) <= 10 and sum(sums) >= 50, f"{len(events)} rows for strangers, of them summed {sums}")
    house.start()
    return f"{sum(sums)} refusals in {len(sums)} rows"


def stored(house, query):
    """Rows of a database that no server has open."""
    with sqlite3.connect(os.path.join(house.data, "guardhouse.db")) as db:
        return db.execute(query).fetchall()


def start_full(house, disk):
    """With no room even for the database's log the start is refused in a sentence; else the server is alive and says what is wrong."""
    expect(house.process.poll() is not None, "it still runs")
    try:
        house.start(ready=False)
    except RuntimeError as refused:
        said = str(refused).strip().splitlines()[-1]
        expect(said.startswith("guardhouse: ") and ("is full" in said or "no space left" in said), f"it ended with: {said}")
        disk.clear()
        house.start()
        return said
    house.refused(now_and_then=True)
    disk.clear()
    return f"ready after {house.goes_on():.1f} s"


def failing(checks, binary, name, mode):
    """Every write, or every sync, of the database fails while verdicts are asked for."""
    with House(binary, {"moderation.cache_entries": "0"}) as house:
        shim = faults.Shim(house.box.name, house.data)
        house.variables = shim.variables
        house.begin()

        def struck():
            load(house, seconds=1)
            hits = shim.hits()
            shim.fails(mode)
            load(house, until=lambda: len(house.refusals) >= 20)
            answered = len(house.answers)
            expect(shim.hits() > hits, "the shim struck nothing")
            house.refused()
            expect(len(house.answers) == answered, "verdicts were answered")
            return f"{shim.hits() - hits} calls failed"

        checks.run(f"{name}: refused", struck)
        shim.works()
        checks.run(f"{name}: goes on", lambda: f"after {house.goes_on():.1f} s")
        checks.run(f"{name}: refusals say why", house.closed_and_clean)
        checks.run(f"{name}: proved after a kill", house.proved)
        checks.run(f"{name}: proved after a kill while it failed", killed_while, house, shim, mode)


def killed_while(house, shim, mode):
    house.start()
    load(house, seconds=0.5)
    shim.fails(mode)
    load(house, seconds=0.5)
    house.kill()
    shim.works()
    whole(house)
    house.start()
    return house.proved()


def locked(checks, binary):
    """Another process keeps the write lock for longer than anybody waits."""
    with House(binary) as house:
        house.begin()
        other = sqlite3.connect(os.path.join(house.data, "guardhouse.db"), isolation_level=None, timeout=30)
        for kind in ("IMMEDIATE", "EXCLUSIVE"):
            checks.run(f"locked {kind.lower()}: refused", lock, house, other, kind)
            checks.run(f"locked {kind.lower()}: goes on", lambda: f"after {house.goes_on():.1f} s")
        other.close()
        checks.run("locked: refusals say why", house.closed_and_clean)
        checks.run("locked: proved", house.proved)


def lock(house, other, kind):
    load(house, seconds=0.5, clients=2)
    answered, refused = len(house.answers), len(house.refusals)
    other.execute("BEGIN " + kind)
    try:
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            began = time.monotonic()
            asked = [pool.submit(house.judge) for _ in range(3)]
            off = house.until("readiness off", lambda: house.reasons()[0] == 503)
            slowest = 0.0
            while not all(a.done() for a in asked):
                once = time.monotonic()
                house.reasons()
                slowest = max(slowest, time.monotonic() - once)
                expect(time.monotonic() - began < 40, "who waits for the lock is told nothing")
            took = time.monotonic() - began
    finally:
        other.execute("ROLLBACK")
    expect(len(house.answers) == answered and len(house.refusals) == refused + 3, "a verdict was answered while nothing could be written")
    expect(off < 9 and slowest < 4, f"readiness took {off:.1f} s to go off and {slowest:.1f} s to answer")
    return f"503 after {took:.1f} s, readiness off after {off:.1f} s"


def by_chance(checks, binary, rounds=4):
    """Writes fail or are cut short by chance, and the server is killed in the midst of it."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"faults by chance: seed {seed}", flush=True)
    chance = random.Random(seed)
    with House(binary, {"moderation.cache_entries": "0"}) as house:
        shim = faults.Shim(house.box.name, house.data)
        house.variables = shim.variables
        house.begin()
        for number in range(1, rounds + 1):
            checks.run(f"by chance {number}: killed", chance_round, house, shim, chance)
        checks.run("by chance: refusals say why", house.closed_and_clean)
        checks.run("by chance: proved", house.proved)


def chance_round(house, shim, chance):
    hits, answers = shim.hits(), len(house.answers)
    shim.fails(f"random {chance.randrange(1 << 32)} {chance.choice((10, 40, 80))}")
    stop = time.monotonic() + 1.5 + chance.uniform(0, 0.3)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        def client():
            try:
                connection = house.connect()
                while True:
                    house.judge(connection)
            except (OSError, ValueError, http.client.HTTPException):
                return  # the kill
        running = [pool.submit(client) for _ in range(4)]
        time.sleep(max(0.0, stop - time.monotonic()))
        house.kill()
        for done in running:
            done.result()
    shim.works()
    expect(shim.hits() > hits, "the shim struck nothing")
    said = whole(house)
    house.start()
    return f"{shim.hits() - hits} faults, {len(house.answers) - answers} answers, {said}"


def four_processes(checks, binary, rounds=3):
    """threat U3: three command lines append beside the server when it is killed: one chain, and its checkpoints are right."""
    with House(binary, {"audit.checkpoint_rows": "20"}) as house:
        house.begin()
        house.command("role", "list")
        acts = []
        for number in range(1, rounds + 1):
            checks.run(f"four processes {number}", processes_round, house, number, acts)
        checks.run("four processes: proved", house.proved)
        checks.run("four processes: every act that was told done has its row", acted, house, acts)


def processes_round(house, number, acts):
    stop = threading.Event()

    def act(who):
        turn = 0
        while not stop.is_set() or turn < 2:
            turn += 1
            label = f"act-{number}-{who}-{turn}"
            words = (["key", "create", "--user", "loader", "--label", label], ["audit", "checkpoint"])[turn % 2]
            done = house.command(*words, check=False)
            expect(done.returncode == 0, f"guardhouse {words[0]} beside a kill: {done.stderr.strip()}")
            if words[0] == "key":
                acts.append(label)

    asked = Load(house, house.key, number)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        running = [pool.submit(act, who) for who in range(3)]
        try:
            asked.run_until_killed(random.Random())
        finally:
            stop.set()
        for done in running:
            done.result()
    house.answers.extend(asked.answers)
    said = whole(house)
    house.start()
    return f"{len(asked.answers)} answers, {said}"


def acted(house, acts):
    labels = [name for (name,) in stored(house, "SELECT label FROM api_keys")]
    for label in acts:
        expect(labels.count(label) == 1, f"key {label} is there {labels.count(label)} times")
    rows_of = stored(house, "SELECT count(*) FROM audit_events WHERE action = 'key.manage' AND decision = 'allow'")[0][0]
    expect(rows_of >= len(acts), f"{len(acts)} keys were made and {rows_of} rows tell of keys")
    return f"{len(acts)} keys"


CASES = {  # the longest first
    "locked": locked,
    "anchor": anchored,
    "full": full,
    "read-only": lambda c, b: failing(c, b, "read-only", "readonly"),
    "unreadable": lambda c, b: failing(c, b, "unreadable", "unreadable"),
    "fsync": lambda c, b: failing(c, b, "fsync", "fsync"),
    "lost": lambda c, b: failing(c, b, "lost writes", "lost"),
    "chance": by_chance,
    "processes": four_processes,
}


def guarded(checks, name, binary):
    try:
        CASES[name](checks, binary)
    except faults.CannotMount as why:
        checks.skip(name, why)
    except Exception as problem:  # noqa: BLE001: the case itself could not be set up
        def fail():
            raise problem
        checks.run(name, fail)


def main():
    if len(sys.argv) < 2 or set(sys.argv[2:]) - set(CASES):
        print(__doc__, file=sys.stderr)
        return 2
    faults.own_namespace()
    checks = serving.Checks()
    # Three at a time: much of it is waiting for a lock or a folder.
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(guarded, checks, name, sys.argv[1]) for name in sys.argv[2:] or CASES]:
            done.result()
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
