"""Load a real server over HTTPS and kill -9 its worker, again and again: the parent starts the next one. Then the books are compared.

usage: worker_test.py bin/guardhouse [KILLS]          10 kills without a number

What is proved: nobody is refused a connection while no worker answers; a verdict is given again within two seconds of each kill (where the
machine is so busy that a plain start takes longer than one, within twice that start); whoever got an answer has its audit row and its verdict, exactly once; no row is half, no number is missing and the chain is whole. Then: a worker
that is killed while it starts, and a parent that is killed, which takes its worker along and leaves port and folder to the next start.
"""

import http.client
import os
import random
import signal
import ssl
import statistics
import sys
import threading
import time

import serving
from kill_test import CLIENTS, TEXTS, none_half, pages, rows_once, seq_without_gap, verdicts_once, whole
from serving import exchange, expect

WITHIN = 2.0  # seconds from a kill to the next verdict
ENOUGH = 40  # answers before each kill: the load is really on


class Load:
    """Clients that ask for verdicts, connect anew when their connection dies, and remember every answer."""

    def __init__(self, served, key):
        self.served, self.key = served, key
        self.answers = []  # (verdict id, request id, audit hash)
        self.times = []  # (begun, answered)
        self.refusals, self.unconnected = [], []
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._client, args=(i,)) for i in range(CLIENTS)]

    def _client(self, who):
        connection, turn = None, 0
        while not self.over.is_set():
            turn += 1
            text = TEXTS[turn % len(TEXTS)].format(f"{who}-{turn}")
            begun = time.monotonic()
            try:
                if connection is None:
                    connection = self.served.connect()
                status, body = exchange(connection, "POST", "/api/v1/moderations", self.key, {"input": text})
            except ConnectionRefusedError as refused:
                self.unconnected.append(refused)
                connection = None
            except (OSError, ssl.SSLError, http.client.HTTPException, ValueError):
                connection = None  # the kill: an answer that did not arrive whole is no answer
            else:
                with self.lock:
                    if status == 200:
                        self.answers.append((body["id"], body["request_id"], body["audit_hash"]))
                        self.times.append((begun, time.monotonic()))
                    elif (status, body.get("code")) != (503, "loading"):
                        self.refusals.append((status, body))
                if status != 200:
                    self.over.wait(0.05)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def until(self, what, true, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            expect(self.served.process.poll() is None, "the parent ended: " + "".join(self.served.log[-5:]))
            expect(time.monotonic() < end, f"{what}: not within {seconds} s")
            time.sleep(0.005)

    def kill(self, chance):
        """Kills the worker under load; answers the seconds until the next verdict."""
        enough = len(self.answers) + ENOUGH
        self.until(f"{ENOUGH} answers", lambda: len(self.answers) >= enough)
        self.over.wait(chance.uniform(0.0, 0.2))  # a different moment in a commit each time
        pid = self.served.worker()
        os.kill(pid, signal.SIGKILL)
        at = time.monotonic()
        known = len(self.times)
        self.until("a verdict", lambda: self._asked_after(at, known))
        expect(self.served.worker() not in (None, pid), "the worker that was killed answers")
        return min(self._asked_after(at, known)) - at

    def _asked_after(self, at, known):
        """When verdicts came that were asked for after a moment: an answer that was on its way is none of the next worker."""
        return [answered for begun, answered in self.times[known:] if begun > at]


def killed(load, chance, took_all):
    took = load.kill(chance)
    took_all.append(took)
    return f"a verdict after {took:.2f} s"


def in_time(took, kills, limit, started):
    expect(len(took) == kills and max(took) <= limit, f"{sum(t > limit for t in took)} of {kills} took longer, up to {max(took, default=0):.1f} s")
    return f"median {statistics.median(took):.2f} s, longest {max(took):.2f} s; a plain start took {started:.2f} s"


def killed_while_it_starts(served):
    """Three in a row, then it serves."""
    before = served.worker()
    for _ in range(3):
        os.kill(before, signal.SIGKILL)
        end = time.monotonic() + 60
        while (now := served.worker()) in (None, before):
            expect(time.monotonic() < end, "no worker came")
            time.sleep(0.001)
        before = now
    end = time.monotonic() + 60
    while not served._ready():
        expect(time.monotonic() < end, "it does not serve again")
        time.sleep(0.02)


def parent_killed(served):
    """The worker goes with it, and the next start finds port and folder free."""
    worker = served.worker()
    os.kill(served.process.pid, signal.SIGKILL)
    began = time.monotonic()
    served.process.wait()
    served.start()
    took = time.monotonic() - began
    try:
        with open(f"/proc/{worker}/stat", encoding="utf-8", errors="replace") as stat:
            expect(stat.read().rpartition(")")[2].split()[0] == "Z", "the old worker lives")
    except FileNotFoundError:
        pass
    return f"ready again after {took:.1f} s"


def restarts(served, key, want):
    """The server says itself how often it was started again."""
    connection = served.connect()
    connection.request("GET", "/metrics", headers={"Authorization": "Bearer " + key})
    text = connection.getresponse().read().decode()
    connection.close()
    expect(f"guardhouse_worker_restarts_total {want}\n" in text, "the metric says " + ", ".join(line for line in text.splitlines() if "worker_restarts" in line))


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    kills = int(sys.argv[2]) if len(sys.argv) == 3 else 10
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"moments of the kills: seed {seed}")
    chance, took = random.Random(seed), []
    checks = serving.Checks()
    with serving.Served(sys.argv[1]) as served:
        key = served.make_key("loader", "admin")
        began = time.monotonic()
        served.start()
        started = time.monotonic() - began
        limit = max(WITHIN, 2 * started)
        with Load(served, key) as load:
            for number in range(1, kills + 1):
                checks.run(f"kill {number}", killed, load, chance, took)
        checks.run(f"a verdict within {limit:.1f} s of each kill", in_time, took, kills, limit, started)
        checks.run("no connection was refused", lambda: expect(not load.unconnected, f"{len(load.unconnected)} were"))
        checks.run("no verdict was refused but while the model was loading", lambda: expect(not load.refusals, f"{load.refusals[:2]}"))
        checks.run("restarts are counted", restarts, served, key, kills)
        checks.run("killed while it starts", killed_while_it_starts, served)
        checks.run("chain beside the server", whole, served)
        every = pages(served, key, "/api/v1/audit/events", 500)
        events = [e for e in every if e["action"] == "moderation.run"]
        verdicts = pages(served, key, "/api/v1/moderations?scope=all", 200)
        checks.run("every answered request has its row once, with the answered hash", rows_once, events, load.answers)
        checks.run("every answered verdict is in the history once", verdicts_once, verdicts, load.answers)
        checks.run("no half row", none_half, events, verdicts)
        checks.run("sequence without gap", seq_without_gap, every)
        for number in range(1, 4):
            checks.run(f"parent killed {number}", parent_killed, served)
        checks.run("graceful stop", lambda: expect(served.stop() == 0, f"exit status {served.process.returncode}"))
        checks.run("chain at the end", whole, served)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
