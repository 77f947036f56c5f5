"""The release once more, from a clone in another folder: the same bytes.

usage: release_test.py BINARY VERSION STAMP

Only what is committed is in the clone, so a tree with changes differs and says so. C++ that Go's cache holds is not
compiled again: what is proved is that neither folder nor time reach the binary.
"""

import os
import pathlib
import subprocess
import sys
import tempfile


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
        same = pathlib.Path(clone, "bin/again").read_bytes() == pathlib.Path(binary).read_bytes()
    changed = subprocess.run(["git", "-C", root, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    if not same:
        print("release: the same commit in another folder gave other bytes" + (" (this tree has changes)" if changed else ""))
    print(f"{int(same)} passed, {int(not same)} failed")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
