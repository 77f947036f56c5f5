"""The release once more, from a clone in another folder: the same bytes, and AVX-512 only where the processor was asked.

usage: release_test.py BINARY VERSION STAMP

Only what is committed is in the clone, so a tree with changes differs and says so. C++ that Go's cache holds is not
compiled again: what is proved is that neither folder nor time reach the binary.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile


# Registers that exist with AVX-512 alone: zmm, masks, and the upper half of the others.
NEWER = re.compile(r"%zmm|%k[0-7]|%[xy]mm(?:1[6-9]|2\d|3[01])")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")


def leaks(binary):
    """Functions with AVX-512 that somebody else might call: neither a translation unit's own nor Go's, which ask the processor."""
    listed = subprocess.run(["nm", binary], capture_output=True, text=True, check=True).stdout
    own = {line.split(maxsplit=2)[2] for line in listed.splitlines() if line.split()[1] == "t"}
    found, name = set(), ""
    with subprocess.Popen(["objdump", "-d", "--no-show-raw-insn", binary], stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if line[0] not in " \n":
                match = FUNCTION.match(line)
                name = match.group(1) if match else name
            elif "%" in line and name not in found and NEWER.search(line):
                found.add(name)
    if child.returncode or not any("avx512" in n.lower() or "AVX512" in n for n in found | own):
        raise RuntimeError("objdump shows no function with AVX-512 at all: this looks at the wrong file")
    # Go's names hold a dot; C++ names that end in a clone's suffix do not begin with a path.
    return sorted(n for n in found if n not in own and not ("." in n and not n.startswith("_Z")) and "avx512" not in n)


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    binary, version, stamp = sys.argv[1:]
    root = os.environ["GH_ROOT"]
    with tempfile.TemporaryDirectory() as folder:
        clone = os.path.join(folder, "elsewhere", "guardhouse")
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", root, clone], check=True)
        # The console is npm's work and has tests of its own: here its built files are taken over.
        subprocess.run(["cp", "-R", "-p", os.path.join(root, "web", "dist"), os.path.join(clone, "web")], check=True)
        script = 'unset GH_ROOT CPLUS_INCLUDE_PATH; . scripts/env.sh && mkdir -p bin && exec python3 scripts/release.py "$@"'
        command = ["bash", "-c", script, "release", version, stamp, "bin/again"]
        if subprocess.run(command, cwd=clone, check=False).returncode:
            return 1
        command = ["bash", "-c", "unset GH_ROOT CPLUS_INCLUDE_PATH; . scripts/env.sh && exec go build -o bin/named ./cmd/guardhouse"]
        subprocess.run(command, cwd=clone, check=True)
        leaking = leaks(os.path.join(clone, "bin", "named"))
        same = pathlib.Path(clone, "bin/again").read_bytes() == pathlib.Path(binary).read_bytes()
    changed = subprocess.run(["git", "-C", root, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    if not same:
        print("release: the same commit in another folder gave other bytes" + (" (this tree has changes)" if changed else ""))
    for name in leaking:
        print(f"release: {name} uses AVX-512 and may be called where there is none")
    failed = int(not same) + int(bool(leaking))
    print(f"{2 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
