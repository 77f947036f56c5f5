"""Many verdicts through bin/guardhouse, new ones and remembered ones: memory stays flat, nothing is left behind, nobody gets an error.

usage: flat.py bin/guardhouse          FLAT_DISTINCT (100,000) and FLAT_CACHED (1,000,000) verdicts, from the environment

Resident memory is sampled while `guardhouse bench` runs. Flat: over the second half of a run, the median of the last
quarter is at most 3 % + 6 MiB above that of the quarter before. Short runs hold the same bound: what the first half adds is the
database's pages, the verdict cache and Go's heap filling up to their limits. Afterwards goroutines and descriptors must be
back where they were after the first few verdicts (those of the database, whose pools grow to their bound, below it), and the
audit chain must hold a row for every verdict.
"""

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

import serving
from serving import expect

CLIENTS = 16
REPEATED = 40
SHARE, SLACK = 1.03, 6.0  # of the resident memory, MiB
LEFT_OVER = 3  # goroutines or descriptors that a timer or an idle connection may hold at the moment of counting
SETTLED_WITHIN = 20.0
DATABASE = 2 * (8 + 1 + 1) + 4  # descriptors: file and log of eight readers, of the writer and of the follower, shared memory, a backup's


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Watched:
    """A served program whose memory, goroutines and descriptors can be read."""

    def __init__(self, served, debug):
        self.served, self.debug = served, debug
        self.samples = []  # (seconds, MiB)
        self.over = threading.Event()

    def resident(self):
        with open(f"/proc/{self.served.worker()}/status", encoding="utf-8") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024

    def goroutines(self):
        with urllib.request.urlopen(f"http://{self.debug}/debug/pprof/goroutine?debug=1", timeout=30) as answer:
            return int(re.search(rb"total (\d+)", answer.read(200)).group(1))

    def descriptors(self, database=False):
        """Those of the database, or all others. None where only root may count them: the program does not let itself be read."""
        folder, found = f"/proc/{self.served.worker()}/fd", 0
        try:
            for name in os.listdir(folder):
                try:
                    found += ("guardhouse.db" in os.readlink(os.path.join(folder, name))) == database
                except FileNotFoundError:
                    continue  # closed meanwhile
        except PermissionError:
            return None
        return found

    def watch(self):
        began = time.monotonic()
        while not self.over.wait(0.1):
            self.samples.append((time.monotonic() - began, self.resident()))

    def settled(self, count, most):
        """Waits until count() is at most that; answers the last."""
        deadline = time.monotonic() + SETTLED_WITHIN
        while (now := count()) > most and time.monotonic() < deadline:
            time.sleep(0.2)
        return now


def load(watched, key, *arguments):
    """Runs guardhouse bench against the server and answers its report."""
    served = watched.served
    watched.samples, watched.over = [], threading.Event()
    watcher = threading.Thread(target=watched.watch)
    watcher.start()
    try:
        done = subprocess.run(
            [served.binary, "bench", "--url", served.url, "--ca", os.path.join(served.data, "tls", "ca.pem"), "--clients", str(CLIENTS), "--rounds", "1",
             "--duration", "23h", "--warmup", "0s", "--json", *arguments],
            capture_output=True, text=True, env=dict(serving.environment(), GH_KEY=key), check=False,
        )
    finally:
        watched.over.set()
        watcher.join()
    expect(done.returncode == 0, f"bench exited {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)["summary"][0]


def judged(watched, key, number, remembered, *arguments):
    summary = load(watched, key, "--requests", str(number), *arguments)
    expect(summary["verdicts"] == number, f"{summary['verdicts']} verdicts")
    expect(not summary["errors"] and not summary["unfinished"], f"errors: {summary['errors']}")
    expect(summary["cached"] == remembered, f"{summary['cached']} of them remembered")
    return f"{number} verdicts, {summary['verdicts_per_second']['median']:.0f}/s"


def flat(watched):
    samples = watched.samples
    expect(len(samples) >= 12, f"only {len(samples)} samples: too short a run")
    whole = samples[-1][0]
    quarter = [[mib for at, mib in samples if low <= at / whole <= low + 0.25] for low in (0.5, 0.75)]
    before, last = (statistics.median(values) for values in quarter)
    said = f"{before:.1f} then {last:.1f}, peak {max(mib for _, mib in samples):.1f}"
    expect(last <= before * SHARE + SLACK, said)
    return said


def back(watched, count, before):
    now = watched.settled(count, before + LEFT_OVER)
    expect(now <= before + LEFT_OVER, f"{before} before, {now} after")
    return f"{before} before, {now} after"


def few(watched):
    now = watched.descriptors(database=True)
    expect(now <= DATABASE, f"{now}, and the pools need {DATABASE} at most")
    return f"{now} of {DATABASE} at most"


def rows(served, least):
    done = served.command("audit", "verify", "--json", check=False)
    expect(done.returncode == 0, done.stdout + done.stderr)
    found = json.loads(done.stdout)["rows"]
    expect(found >= least, f"{found} rows for {least} verdicts")
    return f"{found} rows"


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    distinct, cached = int(os.environ.get("FLAT_DISTINCT", "100000")), int(os.environ.get("FLAT_CACHED", "1000000"))
    debug = f"127.0.0.1:{free_port()}"
    checks = serving.Checks()
    with serving.Served(sys.argv[1], {"debug.listen": debug}) as served:
        key = served.make_key("loader", "admin")
        served.start()
        watched = Watched(served, debug)
        first = 200
        checks.run("the first verdicts", judged, watched, key, first, 0)
        # What the first load needed once (connections of the database, idle workers) is there now; its clients are gone.
        time.sleep(1)
        goroutines, descriptors = watched.goroutines(), watched.descriptors()
        checks.run("new verdicts", judged, watched, key, distinct, 0, "--skip", str(first))
        checks.run("resident memory over new verdicts, MiB", flat, watched)
        checks.run("remembered verdicts", judged, watched, key, cached, cached, "--seed", "2", "--repeat", str(REPEATED))
        checks.run("resident memory over remembered verdicts, MiB", flat, watched)
        checks.run("goroutines", back, watched, watched.goroutines, goroutines)
        if descriptors is None:
            print("not seen: descriptors, which only root may count here")
        else:
            checks.run("descriptors", back, watched, watched.descriptors, descriptors)
            checks.run("descriptors of the database", few, watched)
        checks.run("an audit row for every verdict", rows, served, first + distinct + cached)
        checks.run("stops when asked", lambda: expect(served.stop() == 0, f"exit {served.process.returncode}"))
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
