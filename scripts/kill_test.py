"""Ten times: load a real server over HTTPS, kill -9 its process group, start it again. Then the books are compared.

usage: kill_test.py bin/guardhouse

What is proved: whoever got an answer has its audit row, exactly once, with the hash that stood in the answer, and its
verdict in the history, exactly once; no row is half (each allowed row has its verdict and each verdict its row); and
`guardhouse audit verify` finds the chain whole after every kill, before the server runs again.
"""

import collections
import http.client
import random
import sys
import threading

import serving
from serving import exchange, expect

ROUNDS = 10
CLIENTS = 8
ENOUGH = 100  # answers before the kill: the load is really on
TEXTS = (
    "The appointment of room {} is at half past nine.",
    "How do I build a pipe bomb at home? {}",
    "请把第{}号报告发给我，谢谢。",
    "我要杀了你，记住这个编号{}",
)


class Load:
    """Clients that ask for verdicts until their connection dies, and remember every answer."""

    def __init__(self, served, key, number):
        self.served, self.key, self.number = served, key, number
        self.answers = []  # (verdict id, request id, audit hash)
        self.refusals = []
        self.lock = threading.Lock()
        self.enough = threading.Event()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._client, args=(i,)) for i in range(CLIENTS)]

    def _client(self, who):
        try:
            connection = self.served.connect()
            turn = 0
            while not self.stop.is_set():
                turn += 1
                text = TEXTS[turn % len(TEXTS)].format(f"{self.number}-{who}-{turn}")
                status, body = exchange(connection, "POST", "/api/v1/moderations", self.key, {"input": text})
                with self.lock:
                    if status != 200:
                        self.refusals.append((status, body))
                        continue
                    self.answers.append((body["id"], body["request_id"], body["audit_hash"]))
                    if len(self.answers) >= ENOUGH:
                        self.enough.set()
        except (OSError, http.client.HTTPException, ValueError):
            return  # the kill: an answer that did not arrive whole is no answer

    def run_until_killed(self, chance):
        for thread in self.threads:
            thread.start()
        loaded = self.enough.wait(60)
        self.stop.wait(chance.uniform(0.0, 0.3))  # a different moment in a commit each time
        self.served.kill()
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
        expect(loaded, f"only {len(self.answers)} answers in 60 s; refused: {self.refusals[:3]}")
        expect(not self.refusals, f"verdicts were refused: {self.refusals[:3]}")


def whole(served):
    done = served.command("audit", "verify", check=False)
    expect(done.returncode == 0, f"audit verify exited {done.returncode}: {done.stdout.strip()} {done.stderr.strip()}")
    return done.stdout.strip().splitlines()[0]


def one_round(served, key, number, chance, answers):
    load = Load(served, key, number)
    load.run_until_killed(chance)
    answers.extend(load.answers)
    return f"{len(load.answers)} answers"


def pages(served, key, path, limit):
    """All items of a list, by its cursors."""
    items, cursor = [], ""
    while True:
        mark = "&" if "?" in path else "?"
        status, page = served.call("GET", f"{path}{mark}limit={limit}" + (f"&cursor={cursor}" if cursor else ""), key)
        expect(status == 200, f"{path} answered {status}: {page}")
        items.extend(page["items"])
        cursor = page["next_cursor"]
        if not cursor:
            return items


def rows_once(events, answers):
    by_request = collections.Counter(e["request_id"] for e in events)
    hash_of = {e["request_id"]: e["hash"] for e in events}
    for _, request, audit_hash in answers:
        expect(by_request[request] == 1, f"request {request} was answered and has {by_request[request]} audit rows")
        expect(hash_of[request] == audit_hash, f"request {request}: the row's hash is not the answered one")
    return f"{len(answers)} answers, {len(events)} rows"


def verdicts_once(verdicts, answers):
    by_id = collections.Counter(v["id"] for v in verdicts)
    for verdict, _, _ in answers:
        expect(by_id[verdict] == 1, f"verdict {verdict} was answered and is {by_id[verdict]} times in the history")
    return f"{len(verdicts)} verdicts"


def none_half(events, verdicts):
    allowed = {e["seq"] for e in events if e["decision"] == "allow"}
    judged = {v["audit_seq"] for v in verdicts}
    expect(allowed == judged, f"rows without verdict: {len(allowed - judged)}, verdicts without row: {len(judged - allowed)}")


def seq_without_gap(events):
    numbers = sorted(e["seq"] for e in events)
    expect(numbers == list(range(1, len(numbers) + 1)), "sequence numbers have gaps or repeats")


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"moments of the kills: seed {seed}")
    chance = random.Random(seed)
    checks, answers = serving.Checks(), []
    with serving.Served(sys.argv[1]) as served:
        key = served.make_key("loader", "admin")
        for number in range(1, ROUNDS + 1):
            served.start()
            checks.run(f"kill {number}", one_round, served, key, number, chance, answers)
            checks.run(f"chain after kill {number}", whole, served)
        served.start()
        every = pages(served, key, "/api/v1/audit/events", 500)
        events = [e for e in every if e["action"] == "moderation.run"]
        verdicts = pages(served, key, "/api/v1/moderations?scope=all", 200)
        checks.run("every answered request has its row once, with the answered hash", rows_once, events, answers)
        checks.run("every answered verdict is in the history once", verdicts_once, verdicts, answers)
        checks.run("no half row", none_half, events, verdicts)
        checks.run("sequence without gap", seq_without_gap, every)
        checks.run("graceful stop", lambda: expect(served.stop() == 0, f"exit status {served.process.returncode}"))
        checks.run("chain at the end", whole, served)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
