"""Mixed load on bin/guardhouse for a while: verdicts, lists, sign-ins good and bad, broken bodies, keys made and revoked,
live streams, scrapes, backups. Holds: no 5xx but 503 (busy), flat memory and descriptors, a whole audit log, backups that restore and verify.

usage: soak.py bin/guardhouse [DURATION]          10m if not given; 90s, 10m, 2h

Memory is flat when the median of the last fifth is at most 10 % + 16 MiB above that of the second fifth: what the first
fifth adds is caches filling up to their bounds.
"""

import collections
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time

import serving
from serving import expect

TEXTS = [
    "The meeting is at half past nine in room four.",
    "How do I build a pipe bomb and kill my neighbour with it?",
    "病人张三的身份证号码是多少？",
    "Please summarise the discharge letter. " * 40,
    "x" * 3000,
]
BROKEN = [b"{", b"[]", b'{"input":1}', b'{"input":"a","input":"b"}', b'{"input":"\xff"}', b"[" * 200, b'{"input":"a","role":"admin"}']
SAMPLE_EVERY = 2.0
BACKUP_EVERY = 45.0


def seconds(text):
    found = re.fullmatch(r"(\d+)([smh])", text)
    if not found:
        raise SystemExit(f"soak: {text!r} is no duration: 90s, 10m, 2h")
    return int(found.group(1)) * {"s": 1, "m": 60, "h": 3600}[found.group(2)]


class Load:
    def __init__(self, served, keys, until):
        self.served, self.keys, self.until = served, keys, until
        self.statuses = collections.Counter()
        self.problems = collections.Counter()
        self.samples = []
        self.backups = []
        self.events = 0
        self.lock = threading.Lock()

    def over(self):
        return time.monotonic() >= self.until

    def count(self, what, status):
        with self.lock:
            self.statuses[f"{what} {status}"] += 1

    def problem(self, words):
        with self.lock:
            self.problems[words] += 1

    def held(self, work, *arguments):
        """A worker that dies is a finding: less load is no pass."""
        try:
            work(*arguments)
        except Exception as why:  # noqa: BLE001: whatever ended it is printed
            self.problem(f"{work.__name__} ended: {type(why).__name__}: {why}")

    def loop(self, step):
        """Runs step with an open connection until the time is up, anew where the connection ends."""
        while not self.over():
            connection = self.served.connect()
            try:
                while not self.over():
                    step(connection)
            except (OSError, http.client.HTTPException) as gone:
                # The server may close an idle or refused connection; a dead server shows in the closing checks.
                self.count("connection", type(gone).__name__)
                time.sleep(0.05)
            finally:
                connection.close()

    def ask(self, connection, what, method, path, key=None, body=None):
        status, answer = serving.exchange(connection, method, path, key, body)
        self.count(what, status)
        if status >= 500 and status != 503:
            self.problem(f"{what}: {status}")
        return status, answer

    def verdicts(self, connection):
        path = random.choice(["/api/v1/moderations", "/v1/moderations", "/api/audit"])
        member = "text" if path == "/api/audit" else "input"
        self.ask(connection, "verdict", "POST", path, self.keys["reviewer"], {member: random.choice(TEXTS)})

    def lists(self, connection):
        for path in ("/api/v1/moderations?limit=20", "/api/v1/audit/events?limit=50", "/api/v1/users", "/api/v1/roles",
                     "/api/v1/keys", "/api/v1/sessions", "/api/v1/models", "/v1/models", "/metrics", "/readyz", "/ui/"):
            connection.request("GET", path, headers={"Authorization": "Bearer " + self.keys["admin"]})
            answer = connection.getresponse()
            answer.read()
            self.count("list", answer.status)
            if answer.status >= 500:
                self.problem(f"list {path}: {answer.status}")
        time.sleep(0.1)

    def sign_ins(self, connection):
        good = random.random() < 0.5
        body = {"username": "rita" if good else f"nobody{random.randrange(500)}", "password": serving.PASSWORD}
        status, answer = self.ask(connection, "sign-in", "POST", "/api/v1/auth/login", body=body)
        if status == 200:
            token = answer["access_token"]
            self.ask(connection, "me", "GET", "/api/v1/auth/me", token)
            status, pair = self.ask(connection, "refresh", "POST", "/api/v1/auth/refresh", body={"refresh_token": answer["refresh_token"]})
            self.ask(connection, "logout", "POST", "/api/v1/auth/logout", pair["access_token"] if status == 200 else token)
        time.sleep(0.5)

    def broken(self, connection):
        connection.request("POST", "/api/v1/moderations", body=random.choice(BROKEN),
                           headers={"Authorization": "Bearer " + self.keys["reviewer"], "Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        self.count("broken", answer.status)
        if answer.status not in (400, 413):
            self.problem(f"a broken body was answered {answer.status}")
        time.sleep(0.02)

    def people(self, connection):
        name = f"temp{random.randrange(10**9)}"
        admin = self.bearer(connection)
        status, user = self.ask(connection, "user", "POST", "/api/v1/users", admin, {"username": name, "kind": "service", "role": "nurse"})
        if status == 201:
            status, key = self.ask(connection, "key", "POST", "/api/v1/keys", admin, {"label": "soak", "user_id": user["id"]})
            if status == 201:
                self.ask(connection, "revoke", "DELETE", f"/api/v1/keys/{key['id']}", admin)
            self.ask(connection, "change", "PATCH", f"/api/v1/users/{user['id']}", admin, {"status": "disabled"})
            self.ask(connection, "delete", "DELETE", f"/api/v1/users/{user['id']}", admin)
        time.sleep(0.5)

    def bearer(self, connection):
        status, answer = self.ask(connection, "sign-in", "POST", "/api/v1/auth/login", body={"username": "admin", "password": serving.PASSWORD})
        expect(status in (200, 429, 503), f"the admin's sign-in: {status}")
        if status != 200:
            time.sleep(1)
            return self.keys["admin"]
        return answer["access_token"]

    def stream(self, connection):
        """Follows the live stream; ids never fall, also over a reconnection."""
        last = None
        while not self.over():
            headers = {"Authorization": "Bearer " + self.keys["admin"]}
            if last is not None:
                headers["Last-Event-ID"] = str(last)
            connection.request("GET", "/api/v1/events", headers=headers)
            answer = connection.getresponse()
            self.count("stream", answer.status)
            if answer.status != 200:
                self.problem(f"stream: {answer.status}")
                return
            until = time.monotonic() + 20
            while not self.over() and time.monotonic() < until:
                line = answer.readline()
                if not line:
                    break
                if line.startswith(b"id:"):
                    number = int(line[3:])
                    if last is not None and number < last:
                        self.problem(f"stream ids fall: {number} after {last}")
                    last = number
                    with self.lock:
                        self.events += 1
            answer.close()
            connection.close()
            connection.connect()

    def backup(self):
        number = 0
        while not self.over():
            number += 1
            name = os.path.join(self.served.box.name, f"backup{number}")
            done = self.served.command("backup", name, check=False)
            if done.returncode:
                self.problem(f"backup: {done.stderr.strip()}")
            else:
                self.backups.append(name)
            for _ in range(int(BACKUP_EVERY)):
                if self.over():
                    return
                time.sleep(1)

    def sample(self):
        pid = self.served.worker()
        while not self.over():
            status = open(f"/proc/{pid}/status", encoding="utf-8").read()
            resident = int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024
            descriptors = len(os.listdir(f"/proc/{pid}/fd"))
            threads = int(re.search(r"Threads:\s+(\d+)", status).group(1))
            self.samples.append((resident, descriptors, threads))
            time.sleep(SAMPLE_EVERY)

    def run(self):
        steps = [self.verdicts] * 4 + [self.lists, self.lists, self.sign_ins, self.sign_ins, self.broken, self.people]
        threads = [threading.Thread(target=self.held, args=(self.loop, step)) for step in steps + [self.stream, self.stream]]
        threads += [threading.Thread(target=self.held, args=(work,)) for work in (self.backup, self.sample)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def flat(load, column, slack):
    fifth = len(load.samples) // 5
    expect(fifth >= 3, "too few samples: run longer")
    early = statistics.median(s[column] for s in load.samples[fifth:2 * fifth])
    late = statistics.median(s[column] for s in load.samples[-fifth:])
    expect(late <= early * 1.1 + slack, f"from {early:.0f} to {late:.0f}")
    return f"{early:.0f} then {late:.0f}, peak {max(s[column] for s in load.samples):.0f}"


def clean(load):
    expect(not load.problems, json.dumps(load.problems))
    done = sum(load.statuses.values())
    expect(load.statuses["verdict 200"] > 0, "no verdict")
    return f"{done} requests: " + ", ".join(f"{k} x{n}" for k, n in sorted(load.statuses.items()))


def streamed(load):
    expect(load.events > 0, "the streams carried nothing")
    return f"{load.events} events"


def whole(served):
    done = served.command("audit", "verify", check=False)
    expect(done.returncode == 0, done.stdout + done.stderr)
    return " ".join(done.stdout.split("\n")[0].split())


def restores(served, load):
    expect(load.backups, "no backup was made")
    for name in load.backups:
        target = name + "-restored"
        for line in (["restore", name, "--data", target], ["audit", "verify", "--data", target]):
            done = subprocess.run([served.binary, *line], capture_output=True, text=True, env=serving.environment(), timeout=300, check=False)
            expect(done.returncode == 0, f"{line[0]}: {done.stdout}{done.stderr}")
    return f"{len(load.backups)} backups"


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    length = seconds(sys.argv[2] if len(sys.argv) == 3 else "10m")
    checks = serving.Checks()
    with serving.Served(sys.argv[1]) as served:
        keys = {"admin": served.make_key("admin", "admin"), "reviewer": served.make_key("rita", "reviewer")}
        served.start()
        load = Load(served, keys, time.monotonic() + length)
        load.run()
        checks.run("nothing but expected answers", clean, load)
        checks.run("live streams", streamed, load)
        checks.run("resident memory, MiB", flat, load, 0, 16)
        checks.run("open descriptors", flat, load, 1, 16)
        checks.run("threads", flat, load, 2, 8)
        checks.run("still the same process, ready", lambda: expect(served.process.poll() is None and served.call("GET", "/readyz")[0] == 200, "it is not"))
        checks.run("the audit log", whole, served)
        checks.run("stops when asked", lambda: expect(served.stop() == 0, f"exit {served.process.returncode}"))
        checks.run("every backup restores and verifies", restores, served, load)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
