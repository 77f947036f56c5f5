"""Starts bin/guardhouse on a folder of its own for the tests in this directory. Not a test by itself."""

import http.client
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

PASSWORD = "granite-lantern-orchard-57"
READY_WITHIN = 60.0  # seconds; a slow CI machine with a cold page cache


def environment(settings=None):
    """Ours without GUARDHOUSE_ settings, which must not leak into a test, and with those given."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GUARDHOUSE_")}
    ours.update({"GUARDHOUSE_" + key.upper().replace(".", "_"): value for key, value in (settings or {}).items()})
    return ours


class Served:
    """A data folder and, between start() and kill() or stop(), a server on it with a port of its own."""

    def __init__(self, binary, settings=None):
        self.settings = settings or {}  # of the server: {"engine.threads": "1"}
        self.variables = {}  # of its environment besides
        self.flags = ()  # of serve
        self.binary = str(pathlib.Path(binary).resolve())
        self.box = tempfile.TemporaryDirectory(prefix="guardhouse-test-")
        self.data = os.path.join(self.box.name, "data")
        self.process = None
        self.url = ""
        self.tls = None
        self.log = []

    def command(self, *arguments, stdin="", check=True):
        """Runs a subcommand on the folder; answers the finished process. Raises when it fails and check is set."""
        done = subprocess.run(
            [self.binary, *arguments, "--data", self.data],
            input=stdin, capture_output=True, text=True, env=environment(), timeout=120, check=False, cwd=self.box.name,
        )
        if check and done.returncode:
            raise RuntimeError(f"guardhouse {arguments[0]} exited {done.returncode}: {done.stderr.strip()}")
        return done

    def make_key(self, user, role):
        """An account with a key of its own, both made on the command line. Answers the secret."""
        self.command("user", "create", user, "--role", role, "--password-stdin", stdin=PASSWORD + "\n")
        made = self.command("key", "create", "--user", user, "--label", "test", "--json")
        return json.loads(made.stdout)["key"]

    def start(self, ready=True):
        """Starts the server in a process group of its own and waits until it can give a verdict, or only until its port is open."""
        self.process = subprocess.Popen(
            [self.binary, "serve", "--data", self.data, "--listen", "127.0.0.1:0", *self.flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env=environment(self.settings) | self.variables, start_new_session=True, cwd=self.box.name,
        )
        said = threading.Event()
        threading.Thread(target=self._read, args=(self.process, said), daemon=True).start()
        deadline = time.monotonic() + READY_WITHIN
        while not said.wait(0.05):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not open its port:\n" + "".join(self.log[-20:]))
        self.tls = ssl.create_default_context(cafile=os.path.join(self.data, "tls", "ca.pem"))
        while ready:
            if self._ready():
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not become ready:\n" + "".join(self.log[-20:]))
            time.sleep(0.05)

    def _read(self, process, said):
        for line in process.stdout:
            self.log.append(line)
            if found := re.search(r"serves (https://\S+)", line):
                self.url = found.group(1).rstrip("/")
                said.set()

    def _ready(self):
        try:
            status, _ = self.call("GET", "/readyz")
        except (OSError, http.client.HTTPException):
            return False
        return status == 200

    def connect(self, timeout=60.0):
        where = urllib.parse.urlsplit(self.url)
        return http.client.HTTPSConnection(where.hostname, where.port, context=self.tls, timeout=timeout)

    def call(self, method, path, key=None, body=None):
        """One request on a connection of its own; answers status and decoded JSON."""
        connection = self.connect()
        try:
            return exchange(connection, method, path, key, body)
        finally:
            connection.close()

    def worker(self):
        """The process that serves: the child of the one that was started, which holds port and folder. None while there is none."""
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                    state, parent = stat.read().rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue  # no process, or one that ended meanwhile
            if parent == str(self.process.pid) and state != "Z":
                return int(name)
        return None

    def kill(self):
        """kill -9 of the whole process group, and waits until it is gone."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Asks for a graceful stop; answers the exit status."""
        if self.process is None or self.process.poll() is not None:
            return None if self.process is None else self.process.returncode
        self.process.terminate()
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.box.cleanup()


def exchange(connection, method, path, key=None, body=None):
    """One request on an open connection; answers status and decoded JSON (None for an empty body)."""
    headers = {"Accept": "application/json"}
    if key:
        headers["Authorization"] = "Bearer " + key
    payload = None
    if body is not None:
        payload = json.dumps(body, ensure_ascii=False).encode()
        headers["Content-Type"] = "application/json"
    connection.request(method, path, body=payload, headers=headers)
    answer = connection.getresponse()
    raw = answer.read()
    return answer.status, json.loads(raw) if raw else None


class Checks:
    """Named checks with a closing line; a check that raises has failed and the next one runs."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def skip(self, name, why):
        self.skipped += 1
        print(f"skip {name}: {why}", flush=True)

    def run(self, name, check, *arguments):
        try:
            said = check(*arguments)
        except Exception as problem:  # noqa: BLE001: any exception is this check's failure and is printed
            self.failed += 1
            print(f"FAIL {name}: {type(problem).__name__}: {problem}", flush=True)
            return None
        self.passed += 1
        print(f"ok   {name}" + (f": {said}" if isinstance(said, str) else ""), flush=True)
        return said

    def close(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 0 if self.passed and not self.failed else 1


def expect(condition, words):
    """assert that survives python -O."""
    if not condition:
        raise AssertionError(words)
