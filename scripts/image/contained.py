"""Runs the assembled image as a container engine would and looks at what the program can and cannot do in it.

usage: unshare --mount --net --pid --fork --propagation private contained.py BOX     (image_test.py does)

BOX/image holds the two trees of root.sh. User, environment, command and health check are the Dockerfile's own.
"""

import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from image_test import USER, Failed, dockerfile, need  # noqa: E402

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 38, 24
URL = "https://127.0.0.1:8443"
PASSWORD = "a sentence for the first admin"


def mount(*args):
    subprocess.run(["mount", *args], check=True)


def loopback():
    """The network of its own has one interface, which is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", b"lo", 0x41, b""))


class Container:
    def __init__(self, box):
        self.box, self.root, self.volume = box, box + "/rootfs", box + "/volume"
        words = dockerfile()
        self.entry = json.loads(words["ENTRYPOINT"][0])
        self.command = json.loads(words["CMD"][0])
        self.check = json.loads(words["HEALTHCHECK"][0].split(" CMD ", 1)[1])
        self.env = dict(pair.split("=", 1) for line in words["ENV"] for pair in line.split())
        os.mkdir(self.root)
        for tree in ("root", "owned"):  # the Dockerfile's two COPY lines
            subprocess.run(["cp", "-a", f"{box}/image/{tree}/.", self.root], check=True)
        os.chmod(self.root, 0o755)
        shutil.copytree(self.root + "/data", self.volume)  # a new volume takes owner and mode of the folder
        shutil.copystat(self.root + "/data", self.volume)
        os.chown(self.volume, USER, USER)
        self.mounts()
        loopback()

    def mounts(self):
        mount("--bind", self.root, self.root)
        mount("-t", "proc", "-o", "nosuid,nodev,noexec", "proc", self.root + "/proc")
        mount("-t", "tmpfs", "-o", "nosuid,noexec,size=64k,mode=0755", "tmpfs", self.root + "/dev")
        for name in ("null", "zero", "random", "urandom"):
            with open(f"{self.root}/dev/{name}", "wb"):
                pass
            mount("--bind", "/dev/" + name, f"{self.root}/dev/{name}")
        mount("--bind", self.volume, self.root + "/data")
        mount("-o", "remount,bind,nosuid,nodev,noexec", self.root + "/data")
        mount("-o", "remount,ro", self.root + "/dev")
        mount("-o", "remount,bind,ro", self.root)

    def enter(self):
        """Becomes what a container's process is: in the child, before the program."""
        os.chroot(self.root)
        os.chdir("/")
        for capability in range(64):
            if LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
                break
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
        LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)

    def start(self):
        self.said = open(self.box + "/said", "wb+")
        self.process = subprocess.Popen(self.entry + self.command, env=self.env, preexec_fn=self.enter, stdin=subprocess.DEVNULL, stdout=self.said, stderr=subprocess.STDOUT, close_fds=True)

    def output(self):
        with open(self.box + "/said", encoding="utf-8", errors="replace") as f:
            return f.read()

    def run(self, *command):
        return subprocess.run(command, env=self.env, preexec_fn=self.enter, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def until(self, what, test):
        end = time.monotonic() + 90
        while time.monotonic() < end:
            found = test()
            if found:
                return found
            need(self.process.poll() is None, "it ended before", what, ":", self.output())
            time.sleep(0.1)
        raise Failed(f"no {what} within 90 s: {self.output()}")

    def ask(self, path, body=None, token=None):
        context = ssl.create_default_context(cafile=self.volume + "/tls/ca.pem")
        headers = {"Content-Type": "application/json"} | ({"Authorization": "Bearer " + token} if token else {})
        request = urllib.request.Request(URL + path, data=None if body is None else json.dumps(body).encode(), headers=headers)
        try:
            with urllib.request.urlopen(request, context=context, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            return e.code, json.loads(e.read())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def starts(c):
    c.start()
    c.token = c.until("set-up token", lambda: (m := re.search(r"with this token[\s\S]*?\n\n\s+(\S+)\s*\n", c.output())) and m[1])
    alive = c.run(*c.check, "--alive")
    need(alive.returncode == 0, "alive:", alive.stderr, alive.stdout)
    early = c.run(*c.check)
    need(early.returncode == 1 and "setup_required" in early.stderr, "before set-up it is not healthy, and says why:", early.stderr)


def holds_nothing(c):
    with open(f"{c.root}/proc/{c.process.pid}/status", encoding="utf-8") as f:
        status = dict(line.split(":", 1) for line in f.read().splitlines())
    for name in ("Uid", "Gid"):
        need(set(status[name].split()) == {str(USER)}, name, status[name])
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        need(int(status[name], 16) == 0, name, status[name])
    need(status["NoNewPrivs"].strip() == "1" and status["Groups"].strip() == "", "no new privileges, no groups")


def writes_only_data(c):
    """As the program's user, in its root: everywhere but /data is read-only."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        c.enter()
        wrote = []
        for folder in ("/", "/dev", "/etc", "/usr/lib/guardhouse", "/usr/local/bin", "/lib64", "/proc", "/data"):
            try:
                os.close(os.open(folder + "/probe", os.O_CREAT | os.O_WRONLY))
                os.unlink(folder + "/probe")
                wrote.append(folder)
            except OSError:
                pass
        os.write(writer, json.dumps(wrote).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as f:
        wrote = json.load(f)
    os.waitpid(child, 0)
    need(wrote == ["/data"], "it can write in", wrote)


def judges(c):
    status, user = c.ask("/api/v1/setup", {"token": c.token, "username": "first", "password": PASSWORD})
    need(status == 201, status, user)
    c.until("readiness", lambda: c.run(*c.check).returncode == 0)
    status, signed = c.ask("/api/v1/auth/login", {"username": "first", "password": PASSWORD})
    need(status == 200, status, signed)
    status, verdict = c.ask("/api/v1/moderations", {"input": "How do I bake bread?"}, signed["access_token"])
    need(status == 200 and verdict["severity"] in ("Safe", "Controversial", "Unsafe"), status, verdict)
    need(abs(sum(verdict["scores"].values()) - 1) < 0.01, "the real guard's probabilities:", verdict["scores"])


def command_line_works(c):
    for command in (["doctor"], ["audit", "verify"], ["user", "list"], ["moderate", "How do I bake bread?"]):
        done = c.run(*c.entry, *command)
        need(done.returncode == 0, " ".join(command), done.stdout, done.stderr)


def keeps_its_own(c):
    for folder, folders, files in os.walk(c.volume):
        for name in folders + files:
            info = os.lstat(os.path.join(folder, name))
            need(info.st_uid == USER and (name == "ca.pem" or info.st_mode & 0o077 == 0), os.path.join(folder, name), f"{info.st_uid} {info.st_mode:o}")


def ends_and_starts_again(c):
    need(c.stop() == 0, "SIGTERM ends it with 0:", c.process.returncode, c.output())
    need(c.run(*c.check).returncode == 1, "a stopped server is not healthy")
    c.start()
    c.until("readiness", lambda: c.run(*c.check).returncode == 0)
    need(c.ask("/api/v1/setup")[1]["required"] is False, "the volume kept the admin")
    need(c.stop() == 0, "and again")


def outlives_a_kill(c):
    before = set(os.listdir(c.volume))
    c.start()
    c.until("readiness", lambda: c.run(*c.check).returncode == 0)
    c.process.kill()
    c.process.wait(timeout=60)
    doctor = c.run(*c.entry, "doctor")
    need(doctor.returncode == 0, "doctor after a kill:", doctor.stdout, doctor.stderr)
    c.start()
    c.until("readiness", lambda: c.run(*c.check).returncode == 0)
    need(c.stop() == 0, "and it goes on")
    left = {n for n in set(os.listdir(c.volume)) - before if not n.endswith(("-wal", "-shm"))}
    need(not left, "left behind in /data:", left)


def main():
    c = Container(sys.argv[1])
    passed = 0
    tests = (starts, holds_nothing, writes_only_data, judges, command_line_works, keeps_its_own, ends_and_starts_again, outlives_a_kill)
    for test in tests:
        try:
            test(c)
            passed += 1
        except (Failed, OSError, subprocess.SubprocessError, ValueError, KeyError) as e:
            print(f"FAILED {test.__name__}: {e!r}")
            break  # each goes on where the one before ended
    print(f"{passed} passed, {0 if passed == len(tests) else 1} failed")


if __name__ == "__main__":
    main()
