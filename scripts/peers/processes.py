"""llama-server, ollama and Guardhouse as child processes for compare.py, each with a folder and a port of its own."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import serving  # noqa: E402

STARTED_WITHIN = 300.0  # seconds; a model of gigabytes on a cold disk
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree(pid):
    """pid and all that came from it: ollama runs its model in a child."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                    parents.setdefault(int(stat.read().rpartition(")")[2].split()[1]), []).append(int(name))
            except OSError:
                continue  # ended meanwhile
    found, queue = [], [pid]
    while queue:
        at = queue.pop()
        found.append(at)
        queue.extend(parents.get(at, []))
    return found


def cpu_seconds(pid):
    """Processor time of the tree up to now, that of ended children included."""
    total = 0
    for one in tree(pid):
        try:
            with open(f"/proc/{one}/stat", encoding="utf-8", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
                total += sum(int(n) for n in fields[11:15])
        except OSError:
            continue
    return total / TICK


def resident_mib(pid):
    total = 0
    for one in tree(pid):
        try:
            with open(f"/proc/{one}/status", encoding="utf-8", errors="replace") as status:
                total += sum(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
        except OSError:
            continue
    return total / 1024


class Child:
    """A program in a process group of its own; what it says goes to a file."""

    def __init__(self, command, folder, env=None):
        self.log = os.path.join(folder, "log")
        self.began = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def alive(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                raise RuntimeError("it ended: " + log.read()[-1000:])

    def stop(self):
        """Ends the group, first by asking."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
            except ProcessLookupError:
                break
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                continue
        self.process.wait()


def until(ready, child):
    deadline = time.monotonic() + STARTED_WITHIN
    while not ready():
        child.alive()
        if time.monotonic() > deadline:
            raise RuntimeError("not ready in time")
        time.sleep(0.02)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


class Llama:
    """llama-server at its best settings."""

    name = "llama-server"

    def __init__(self, binary, model, threads, slots, extra):
        self.box = tempfile.TemporaryDirectory(prefix="peers-llama-")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = ["-np", str(slots), "-c", str(2048 * slots), "-t", str(threads), "-tb", str(threads), "-fa", "on", "--cache-ram", "0", "--no-webui", *extra]
        self.child = Child([binary, "-m", model, "--host", "127.0.0.1", "--port", str(port), *self.settings], self.box.name)
        until(lambda: answers(self.url + "/health"), self.child)

    def arguments(self, lead_in):
        extra = {"cache_prompt": True, "samplers": ["top_k"], "top_k": 1}
        return ["--api", "completions", "--extra", json.dumps(extra), *(["--lead-in"] if lead_in else [])]

    def environment(self):
        return serving.environment()

    @property
    def pid(self):
        return self.child.process.pid

    def stop(self):
        self.child.stop()
        self.box.cleanup()


class Ollama:
    """ollama at its best settings, with a store of models of its own."""

    name = "ollama"
    model = "guard-under-test"

    def __init__(self, binary, model, threads, slots):
        self.box = tempfile.TemporaryDirectory(prefix="peers-ollama-")
        self.threads = threads
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = [f"OLLAMA_NUM_PARALLEL={slots}", "OLLAMA_FLASH_ATTENTION=1", "OLLAMA_KEEP_ALIVE=-1", "OLLAMA_CONTEXT_LENGTH=2048"]
        env = serving.environment()
        env.update(pair.split("=", 1) for pair in self.settings)
        env.update(HOME=self.box.name, OLLAMA_MODELS=os.path.join(self.box.name, "models"), OLLAMA_HOST=f"127.0.0.1:{port}", OLLAMA_NO_CLOUD="1")
        self.child = Child([binary, "serve"], self.box.name, env)
        until(lambda: answers(self.url + "/api/version"), self.child)
        modelfile = os.path.join(self.box.name, "Modelfile")
        with open(modelfile, "w", encoding="utf-8") as out:
            out.write(f"FROM {model}\n")
        made = subprocess.run([binary, "create", self.model, "-f", modelfile], env=env, capture_output=True, text=True, timeout=STARTED_WITHIN, check=False)
        if made.returncode:
            raise RuntimeError("ollama create: " + made.stderr[-500:])
        self.child.began = time.monotonic()  # taking the file in is no part of a start

    def arguments(self, lead_in):
        extra = {"keep_alive": -1, "options": {"num_thread": self.threads, "num_batch": 512, "repeat_penalty": 1, "top_k": 1}}
        return ["--api", "ollama", "--model", self.model, "--extra", json.dumps(extra), *(["--lead-in"] if lead_in else [])]

    def environment(self):
        return serving.environment()

    @property
    def pid(self):
        return self.child.process.pid

    def stop(self):
        self.child.stop()
        self.box.cleanup()


class Guardhouse:
    """bin/guardhouse over HTTPS, with a key, the gate and the durable audit."""

    name = "guardhouse"

    def __init__(self, binary, model, embedded, settings):
        self.served = serving.Served(binary, dict(pair.split("=", 1) for pair in settings))
        self.settings = settings
        self.key = self.served.make_key("bench", "admin")
        self.id = None
        if not embedded:
            self.id = "guard-under-test"
            self.served.command("model", "import", os.path.abspath(model), "--id", self.id, "--allow", "*")
        self.began = time.monotonic()
        self.served.start()
        self.url = self.served.url

    @property
    def child(self):
        return self

    def alive(self):
        if self.served.process.poll() is not None:
            raise RuntimeError("it ended: " + "".join(self.served.log[-5:]))

    def arguments(self, lead_in):
        del lead_in  # a verdict is a verdict
        return ["--ca", os.path.join(self.served.data, "tls", "ca.pem"), *(["--model", self.id] if self.id else [])]

    def environment(self):
        return dict(serving.environment(), GH_KEY=self.key)

    @property
    def pid(self):
        return self.served.process.pid

    def stop(self):
        self.served.stop()
        self.served.__exit__()
