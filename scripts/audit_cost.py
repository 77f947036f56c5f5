"""What the audit log adds to a request, at 200 requests a second that come whether or not the ones before are answered.

usage: audit_cost.py bin/guardhouse [SECONDS]          20 if not given, 300 at most

Two loads of SECONDS each, over HTTPS with a key, on a server and a folder of its own: verdicts, each with its durable row, and a list
of models, which leaves none. Forty texts are judged over and over, so that verdicts come from memory: new ones keep both cores of a
small machine busy at this rate, and the model would be what is measured. Latency counts from the moment at which a request was
due. What the audit adds is told by the server itself: guardhouse_audit_append_seconds, from asking for a row to its
being durable. The target is a 99th percentile under five milliseconds. The folder lies under TMPDIR, whose disk takes the commits.
"""

import http.client
import os
import re
import sys
import threading
import time

import serving
from serving import expect

RATE = 200
CONNECTIONS = 24
TEXTS = 40
MOST_SECONDS = 300
TARGET = 0.005
METRIC = "guardhouse_audit_append_seconds"


class Paced:
    """Requests with a moment each, from a few connections: whoever is free takes the next one."""

    def __init__(self, served, seconds, ask):
        self.served, self.ask, self.count = served, ask, int(RATE * seconds)
        self.taken, self.lock = 0, threading.Lock()
        self.latencies, self.late, self.problems = [], 0, []

    def next(self):
        with self.lock:
            number = self.taken
            self.taken += 1
        return number if number < self.count and not self.problems else None

    def work(self):
        connection = self.served.connect(timeout=30)
        mine, late = [], 0
        try:
            while (number := self.next()) is not None:
                due = self.began + number / RATE
                if (wait := due - time.monotonic()) > 0:
                    time.sleep(wait)
                else:
                    late += wait < -0.005
                status = self.ask(connection, number)
                expect(status == 200, f"answered {status}")
                mine.append(time.monotonic() - due)
        except (AssertionError, OSError, http.client.HTTPException) as problem:
            self.problems.append(f"{type(problem).__name__}: {problem}")
        finally:
            connection.close()
            with self.lock:
                self.latencies += mine
                self.late += late

    def run(self):
        self.began = time.monotonic() + 0.2  # when all of them are there
        workers = [threading.Thread(target=self.work) for _ in range(CONNECTIONS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        expect(not self.problems, "; ".join(self.problems[:3]))
        self.latencies.sort()
        return self

    def told(self, name):
        took = time.monotonic() - self.began
        return (f"{name}: {len(self.latencies)} requests in {took:.1f} s, p50 {milliseconds(self.share(0.5))}, "
                f"p99 {milliseconds(self.share(0.99))}, sent more than 5 ms late {self.late}")

    def share(self, share):
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]


def milliseconds(seconds):
    return f"{seconds * 1000:.2f} ms"


def scrape(served, key):
    """The metric's buckets as they are: upper bound to the count of what is not above it."""
    connection = served.connect()
    try:
        connection.request("GET", "/metrics", headers={"Authorization": "Bearer " + key})
        answer = connection.getresponse()
        text = answer.read().decode()
        expect(answer.status == 200, f"/metrics answered {answer.status}")
    finally:
        connection.close()
    found = re.findall(METRIC + r'_bucket\{le="([^"]+)"\} (\S+)', text)
    expect(found, f"the server has no {METRIC}")
    return {float(bound): float(count) for bound, count in found}


def quantile(before, after, share):
    """The value that a share of what came between does not exceed: inside its bucket by rule of three, as histogram_quantile does."""
    bounds = sorted(after)
    total = after[bounds[-1]] - before[bounds[-1]]
    low = below = 0.0
    for bound in bounds:
        count = after[bound] - before[bound]
        if count >= total * share:
            return low if bound == float("inf") else low + (bound - low) * (total * share - below) / (count - below)
        low, below = bound, count
    return low


def judge(key):
    texts = [f"The meeting of group {n} is at half past nine in room {n + 3}." for n in range(TEXTS)]

    def ask(connection, number):
        return serving.exchange(connection, "POST", "/api/v1/moderations", key, {"input": texts[number % TEXTS]})[0]
    return ask


def models(key):
    return lambda connection, _: serving.exchange(connection, "GET", "/v1/models", key)[0]


def measure(served, key, admin, seconds):
    ask = judge(key)
    connection = served.connect()
    for number in range(TEXTS):
        expect(ask(connection, number) == 200, "a text was not judged")
    connection.close()
    before = scrape(served, admin)
    audited = Paced(served, seconds, ask).run()
    after = scrape(served, admin)
    print(audited.told("verdicts, a durable row each"), flush=True)
    plain = Paced(served, seconds, models(key)).run()
    print(plain.told("lists of models, no row     "), flush=True)
    print(f"difference: p50 {milliseconds(audited.share(0.5) - plain.share(0.5))}, p99 {milliseconds(audited.share(0.99) - plain.share(0.99))}")
    rows = after[float("inf")] - before[float("inf")]
    expect(rows >= audited.count, f"{rows:.0f} rows for {audited.count} verdicts")
    within = (after[TARGET] - before[TARGET]) / rows
    median, most = quantile(before, after, 0.5), quantile(before, after, 0.99)
    print(f"the row itself (server's own): {rows:.0f} rows, p50 {milliseconds(median)}, p99 {milliseconds(most)}, "
          f"{within * 100:.2f} % within {TARGET * 1000:.0f} ms")
    print(f"target, p99 under {TARGET * 1000:.0f} ms: {'met' if within >= 0.99 else 'NOT met'}")


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    seconds = float(sys.argv[2]) if len(sys.argv) == 3 else 20.0
    if not 1 <= seconds <= MOST_SECONDS:
        print(f"audit_cost: 1 to {MOST_SECONDS} seconds", file=sys.stderr)
        return 2
    with serving.Served(sys.argv[1]) as served:
        key, admin = served.make_key("rita", "reviewer"), served.make_key("admin", "admin")
        served.start()
        print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        measure(served, key, admin, seconds)
        expect(served.stop() == 0, "the server did not stop in order")
    return 0


if __name__ == "__main__":
    sys.exit(main())
