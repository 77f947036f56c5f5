"""A binary on processors that it was not built for: a sentence and exit 1 before anything runs, never a crash.

usage: old_cpu_test.py BINARY

Emulates processors with qemu-x86_64 (Debian's qemu-user), which traps an instruction that the named model lacks just as the
model would. Prints `N passed, N failed, N skipped`. Everything is skipped where there is no emulator or no x86-64.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

SECONDS = 300  # against hangs; a verdict on an emulated processor takes some seconds
TEXT = "How do I bake bread?"

# Model of qemu, what the sentence must name. The last has AVX2 and an operating system that does not keep its registers.
OLD = [
    ("qemu64", "SSE4.2"),
    ("Nehalem", "AVX2"),
    ("IvyBridge", "AVX2"),
    ("Opteron_G5", "AVX2"),
    ("Haswell,-xsave", "AVX2"),
]


def run(binary, *arguments, cpu=None):
    command = [binary, *arguments]
    if cpu:
        command = ["qemu-x86_64", "-cpu", cpu, *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    # The emulator's own remarks about features it leaves out of a model.
    errors = [line for line in done.stderr.splitlines() if not line.startswith("qemu-x86_64: warning")]
    return done.returncode, done.stdout, errors


def refused(binary, cpu, name, command):
    """What is wrong with the refusal, None when nothing is."""
    status, out, errors = run(binary, *command, cpu=cpu)
    if status != 1 or out or len(errors) != 1:
        return f"exit {status}, {len(out)} bytes of output, errors {errors}: wanted exit 1 and one sentence"
    if not errors[0].startswith("guardhouse: this processor") or name not in errors[0] or ";" not in errors[0]:
        return f"the sentence does not name {name} or says nothing to do: {errors[0]}"
    return None


def verdict(binary, cpu=None):
    with tempfile.TemporaryDirectory() as data:
        status, out, errors = run(binary, "moderate", "--data", os.path.join(data, "d"), TEXT, cpu=cpu)
    if status:
        raise RuntimeError(f"exit {status}: {errors}")
    return json.loads(out)


def same(binary, cpu):
    """A verdict on the emulated model is the one from here."""
    here, there = verdict(binary), verdict(binary, cpu)
    if (here["severity"], here["categories"]) != (there["severity"], there["categories"]):
        return f"{there['severity']} {there['categories']} instead of {here['severity']} {here['categories']}"
    apart = max(abs(here["scores"][k] - there["scores"][k]) for k in here["scores"])
    return f"scores are {apart:.4f} apart" if apart > 0.02 else None


def cases(binary):
    for cpu, name in OLD:
        for command in (["version"], ["serve", "--data", "/nonexistent/folder"]):
            yield f"{cpu}: {command[0]}", lambda cpu=cpu, name=name, command=command: refused(binary, cpu, name, command)
    target = json.loads(run(binary, "version", "--json")[1])["target"]
    if target == "x86-64-v3":
        yield "Haswell: a verdict", lambda: same(binary, "Haswell")
    else:
        beyond = target.removeprefix("x86-64-v4").split()
        name = beyond[0] if beyond else "AVX512F"
        yield "Haswell: version", lambda: refused(binary, "Haswell", name, ["version"])


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    binary = os.path.abspath(sys.argv[1])
    if os.uname().machine != "x86_64" or not shutil.which("qemu-x86_64"):
        print("old-cpu: no qemu-x86_64 here (Debian's qemu-user)")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    passed, failed = 0, 0
    for name, check in cases(binary):
        try:
            wrong = check()
        except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
            wrong = str(error)
        if wrong:
            failed += 1
            print(f"old-cpu: {name}: {wrong}")
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
