"""A server that is asked for verdicts while its disk fails, for failclosed_test.py. Not a test by itself."""

import concurrent.futures
import threading
import time

import serving
from kill_test import none_half, pages, rows_once, seq_without_gap, verdicts_once, whole
from serving import exchange, expect

WITHIN = 15.0  # seconds in which a server has to notice, or to go on
TEXTS = ("The appointment of room {} is at half past nine.", "How do I build a pipe bomb at home? {}", "请把第{}号报告发给我，谢谢。")


class House(serving.Served):
    """A server with a key of an admin, and every answer that it gave."""

    def __init__(self, binary, settings=None):
        super().__init__(binary, {"engine.threads": "1", **(settings or {})})
        self.flags = ("--no-supervisor",)  # a worker gets no library of the tests, and one that ended is to be seen
        self.key, self.turn = "", 0
        self.answers, self.refusals = [], []  # (verdict, request, hash); (status, body)

    def begin(self):
        self.key = self.make_key("loader", "admin")
        self.start()

    def judge(self, connection=None, path="/api/v1/moderations"):
        """Asks for one verdict; answers the status, and remembers the rest."""
        self.turn += 1
        ours = connection or self.connect()
        try:
            body = {"input": TEXTS[self.turn % len(TEXTS)].format(f"{time.monotonic_ns()}-{self.turn}")}
            status, said = exchange(ours, "POST", path, self.key, body)
        finally:
            if not connection:
                ours.close()
        if status == 200 and path.startswith("/api"):
            self.answers.append((said["id"], said["request_id"], said["audit_hash"]))
        elif status != 200:
            self.refusals.append((status, said))
        return status

    def reasons(self):
        status, said = self.call("GET", "/readyz")
        return status, [r["code"] for r in said.get("reasons", said.get("degraded", []))]

    def until(self, what, true):
        """Waits until it is so; answers the seconds."""
        began = time.monotonic()
        while not true():
            expect(self.process.poll() is None, f"the server ended:\n{''.join(self.log[-10:])}")
            expect(time.monotonic() - began < WITHIN, f"{what}: not within {WITHIN} s; readiness says {self.reasons()}")
            time.sleep(0.05)
        return time.monotonic() - began

    def refused(self, now_and_then=False):
        """Readiness is off and says why; both kinds of routes say 503 with the code, each in its own form. A full disk has room for
        a row now and then, as the database's log begins anew in the place that it has."""
        self.until("readiness off", lambda: self.reasons()[0] == 503)
        expect({"audit_unavailable", "disk_low"} & set(self.reasons()[1]), f"readiness says {self.reasons()}")
        if now_and_then:
            self.until("a refusal", lambda: self.judge() == 503)
            self.until("a refusal on /v1", lambda: self.judge(path="/v1/moderations") == 503)
        else:
            expect("audit_unavailable" in self.reasons()[1], f"readiness says {self.reasons()}")
            expect(self.judge() == 503, "a verdict was answered")
            expect(self.judge(path="/v1/moderations") == 503, "a verdict was answered on /v1")
        expect(self.refusals[-1][1]["error"]["code"] == "audit_unavailable", f"{self.refusals[-1]}")
        alive, _ = self.call("GET", "/healthz")
        expect(alive == 200, f"/healthz says {alive}: it would be restarted")

    def goes_on(self):
        """It answers and is ready again, without having been told."""
        pid = self.process.pid
        took = max(self.until("a verdict", lambda: self.judge() == 200), self.until("readiness", lambda: self.reasons()[0] == 200))
        expect(self.process.pid == pid and self.process.poll() is None, "it is another process")
        return took

    def closed_and_clean(self):
        """Every refusal was a 503 with its reason."""
        expect(self.refusals, "nothing was refused: nothing was tried")
        for status, body in self.refusals:
            code = body.get("code") or body.get("error", {}).get("code")
            expect(status == 503 and code in ("audit_unavailable", "busy"), f"refused with {status}: {body}")
            expect("/" not in body.get("detail", "") and "sql" not in body.get("detail", "").lower(), f"internals in {body}")

    def proved(self):
        """The log is whole, after a kill, and each answer has its row once."""
        self.kill()
        first = whole(self)
        self.start()
        every = pages(self, self.key, "/api/v1/audit/events", 500)
        events = [e for e in every if e["action"] == "moderation.run"]
        verdicts = pages(self, self.key, "/api/v1/moderations?scope=all", 200)
        rows_once(events, self.answers)
        verdicts_once(verdicts, self.answers)
        none_half(events, verdicts)
        seq_without_gap(every)
        expect(self.stop() == 0, "it did not stop in good order")
        whole(self)
        return f"{len(self.answers)} answers, {len(self.refusals)} refusals, {first}"


def load(house, seconds=None, until=None, clients=4):
    """Clients that ask for verdicts for a time, or until something is so."""
    end = time.monotonic() + (seconds or WITHIN)
    stop = threading.Event()

    def client():
        connection = house.connect()
        while not stop.is_set() and time.monotonic() < end:
            house.judge(connection)
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(client) for _ in range(clients)]
        while until and not until() and time.monotonic() < end:
            time.sleep(0.02)
        if until:
            stop.set()
        for done in running:
            done.result()
    expect(not until or until(), "it did not come to that")
