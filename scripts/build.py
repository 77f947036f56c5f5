"""go build with a progress line: the first build compiles some 200 C++ files and must not look like a hang.

usage: build.py [go build arguments]

Prints nothing but Go's own errors when everything is cached. Exits with go's status.
"""

import subprocess
import sys
import threading
import time

EVERY = 10  # seconds between two lines


def stale(arguments):
    """The packages that a build would compile, in no order that matters. Empty where go list itself fails."""
    packages = [a for a in arguments if a.startswith("./")]
    shape = "{{if .Stale}}{{.ImportPath}} {{len .CXXFiles}} {{len .CFiles}}{{end}}"
    listed = subprocess.run(
        ["go", "list", "-deps", "-f", shape, *packages], capture_output=True, text=True, check=False
    )
    found = {}
    for line in listed.stdout.splitlines():
        if line:
            path, cxx, c = line.split()
            found[path] = int(cxx) + int(c)
    return found


def short(path):
    parts = path.split("/")
    return "/".join(parts[-2:])


class Progress:
    """Says every few seconds how far the build is: packages begun, of how many, and which is heavy."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.begun = []
        self.start = time.monotonic()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.done.wait(EVERY):
            native = [p for p in self.begun if self.wanted.get(p)]
            now = f", last begun in C++: {short(native[-1])}" if native else ""
            seconds = int(time.monotonic() - self.start)
            print(f"build: {seconds:4d} s, {len(self.begun)} of {len(self.wanted)} packages begun{now}", flush=True)


def main():
    arguments = sys.argv[1:]
    wanted = stale(arguments)
    files = sum(wanted.values())
    if files > 20:
        print(
            f"build: {files} C and C++ files of the engine have to be compiled for this machine's processor. "
            "That happens once and takes about 4 to 10 minutes on two cores.",
            flush=True,
        )
    progress = Progress(wanted)
    progress.thread.start()
    child = subprocess.Popen(["go", "build", "-v", *arguments], stderr=subprocess.PIPE, text=True)
    for line in child.stderr:
        name = line.strip()
        if name in wanted:
            progress.begun.append(name)
        elif " " in name or ":" in name or name.startswith("#"):
            print(line, end="", file=sys.stderr, flush=True)
    status = child.wait()
    progress.done.set()
    progress.thread.join()
    if files > 20 and status == 0:
        print(f"build: done in {int(time.monotonic() - progress.start)} s", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
