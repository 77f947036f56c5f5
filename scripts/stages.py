"""Runs make targets as the stages of a test run and closes with their seconds and one line of counts.

usage: stages.py TARGET[!]...

A target with `!` is a gate: nothing after it can work without it, so its failure ends the run. So does a line
`BUILD FAILED` in any stage. Every other failing stage is remembered and the run goes on: one run shows everything.
A stage's own `N passed, N failed, N skipped` lines (or vitest's `Tests` line) are added up; the sum is the last line.
A stage that is no gate and counts nothing has failed. Exits 0 only if every stage did and at least one test passed.
"""

import os
import re
import subprocess
import sys
import time

PLAIN = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")
VITEST = re.compile(r"^\s*Tests\s+(?=.*\(\d+\)$)(.*)$")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def counts(line):
    """(passed, failed, skipped) of a line that closes a runner's output, or None."""
    line = ANSI.sub("", line).rstrip("\n")
    if match := PLAIN.match(line):
        return tuple(int(n or 0) for n in match.groups())
    if match := VITEST.match(line):
        words = dict((word, int(n)) for n, word in re.findall(r"(\d+) (passed|failed|skipped|todo)", match.group(1)))
        return words.get("passed", 0), words.get("failed", 0), words.get("skipped", 0) + words.get("todo", 0)
    return None


class Stage:
    def __init__(self, word):
        self.name = word.rstrip("!")
        self.gate = word.endswith("!")
        self.tally = [0, 0, 0]
        self.state = "not run"
        self.seconds = 0.0

    def run(self):
        """Runs the target; answers whether the stages after it may run."""
        print(f"\n== {self.name}", flush=True)
        start = time.monotonic()
        not_built = False
        environment = dict(os.environ, MAKEFLAGS="", MFLAGS="", MAKELEVEL="0")
        child = subprocess.Popen(
            ["make", "--no-print-directory", self.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", env=environment,
        )
        for line in child.stdout:
            found = counts(line)
            if found:
                self.tally = [a + b for a, b in zip(self.tally, found)]
                print(f"   {self.name}: {line.strip()}", flush=True)
                continue
            not_built = not_built or line.startswith("BUILD FAILED")
            print(line, end="", flush=True)
        status = child.wait()
        self.seconds = time.monotonic() - start
        if status and not self.tally[1]:
            self.tally[1] = 1  # a stage that failed without saying which test: one failure, never none
        if not status and not self.gate and not sum(self.tally):
            print(f"stages: {self.name} succeeded without saying that a single test ran", flush=True)
            self.tally[1] = 1
        self.state = "failed" if status or self.tally[1] else "ok"
        return self.state == "ok" or not (self.gate or not_built)


def close(stages, total):
    print(f"\n{'stage':18} {'result':8} {'seconds':>8} {'passed':>7} {'failed':>7} {'skipped':>8}")
    for stage in stages:
        passed, failed, skipped = stage.tally
        print(f"{stage.name:18} {stage.state:8} {stage.seconds:8.1f} {passed:7} {failed:7} {skipped:8}")
    sums = [sum(stage.tally[i] for stage in stages) for i in range(3)]
    print(f"{'all':18} {'':8} {total:8.1f} {sums[0]:7} {sums[1]:7} {sums[2]:8}\n")
    print(f"{sums[0]} passed, {sums[1]} failed, {sums[2]} skipped", flush=True)
    return sums


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    stages = [Stage(word) for word in sys.argv[1:]]
    start = time.monotonic()
    for stage in stages:
        if not stage.run():
            print(f"\nstages: {stage.name} does not build; what follows needs it and was not run", flush=True)
            break
    passed, failed, _ = close(stages, time.monotonic() - start)
    good = passed > 0 and failed == 0 and all(stage.state == "ok" for stage in stages)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
