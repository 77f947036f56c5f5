"""go test, read by people: one line per package, failures in full, skips with their reasons, one closing line.

usage: gotest.py [go test arguments]

The closing line is `N passed, N failed, N skipped`, counted from `go test -json`: a test that has subtests is not
counted beside them. A package that fails without a failing test (a panic, a time-out, a build error) counts as one
failure. Exits 0, 1 (tests failed) or 3 (something does not build, or no test ran at all).
"""

import collections
import json
import subprocess
import sys


class Run:
    def __init__(self):
        self.output = collections.defaultdict(list)  # (package, test) -> lines
        self.results = {}  # (package, test) -> pass | fail | skip
        self.package_failed = []
        self.not_built = []
        self.build_output = collections.defaultdict(list)
        self.skips = []

    def feed(self, event):
        action, package, test = event.get("Action"), event.get("Package", ""), event.get("Test")
        if action == "build-output":
            self.build_output[event.get("ImportPath", "")].append(event["Output"])
        elif action == "build-fail":
            self.not_built.append(event.get("ImportPath", ""))
            print("".join(self.build_output.pop(event.get("ImportPath", ""), [])), end="", flush=True)
        elif action == "output":
            self.output[package, test].append(event["Output"])
        elif action in ("pass", "fail", "skip") and test:
            self.end_test(action, package, test)
        elif action in ("pass", "fail", "skip"):
            self.end_package(action, package, event)

    def end_test(self, action, package, test):
        self.results[package, test] = action
        lines = self.output.pop((package, test), [])
        if action == "fail":
            print(f"--- {package}: {test}\n" + "".join(lines), end="", flush=True)
        elif action == "skip":
            reason = [l.strip() for l in lines if not l.lstrip().startswith(("=== ", "--- "))]
            self.skips.append(f"{package}: {test}: {' '.join(reason) or 'no reason given'}")

    def end_package(self, action, package, event):
        own = [key for key in self.results if key[0] == package]
        failed = [key for key in own if self.results[key] == "fail"]
        if action == "fail":
            if not failed:
                self.package_failed.append(package)
            # A test that was running when the process died has no end of its own: show what it said.
            for key in [k for k in self.output if k[0] == package]:
                print("".join(self.output.pop(key)), end="", flush=True)
        for key in [k for k in self.output if k[0] == package]:
            del self.output[key]
        if own or action == "fail":
            word = {"pass": "ok", "fail": "FAIL", "skip": "-"}[action]
            print(f"{word:4} {package}  {len(own)} tests  {event.get('Elapsed', 0):.1f} s", flush=True)

    def count(self):
        """passed, failed, skipped over the leaves of the test tree."""
        parents = set()
        for package, test in self.results:
            parts = test.split("/")
            parents.update((package, "/".join(parts[:n])) for n in range(1, len(parts)))
        tally = collections.Counter()
        for key, result in self.results.items():
            # A parent that fails with every child passing failed by itself.
            child_failed = any(
                r == "fail" and k[0] == key[0] and k[1].startswith(key[1] + "/") for k, r in self.results.items()
            ) if key in parents and result == "fail" else False
            if key not in parents or (result == "fail" and not child_failed):
                tally[result] += 1
        return tally["pass"], tally["fail"] + len(self.package_failed), tally["skip"]


def main():
    run = Run()
    child = subprocess.Popen(["go", "test", "-json", *sys.argv[1:]], stdout=subprocess.PIPE, text=True)
    for line in child.stdout:
        if line.startswith("{"):
            run.feed(json.loads(line))
        else:
            print(line, end="", flush=True)
    status = child.wait()
    passed, failed, skipped = run.count()
    if run.skips:
        print("not run here:")
        for skip in run.skips:
            print(f"  {skip}")
    if status and not failed:
        failed = 1  # go itself refused: its words are above
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    if run.not_built:
        print("BUILD FAILED: " + ", ".join(sorted(set(run.not_built))), flush=True)
        return 3
    if passed == 0 and failed == 0:
        print("BUILD FAILED: no test ran", flush=True)
        return 3
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
