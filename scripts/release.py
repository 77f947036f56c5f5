"""Builds the binary that travels, and refuses to leave one that would not.

usage: release.py VERSION STAMP OUT   (make release)

OUT is for x86-64-v3 (every server since about 2015) and glibc 2.28 (RHEL 8, Debian 10, Ubuntu 18.10 and later). It holds
libstdc++; what it needs of a system is libc with its parts and libgcc_s, which every distribution has. The same commit,
Go and compiler give the same bytes in every folder: no path, no time and no build id of their own is inside. Writes
SHA256SUMS beside OUT. The caller has sourced env.sh with GH_MARCH=x86-64-v3.
"""

import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

FLOOR = (2, 28)
LIBRARIES = {
    "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libresolv.so.2", "ld-linux-x86-64.so.2", "libgcc_s.so.1",
}
SCRIPTS = pathlib.Path(__file__).resolve().parent


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def linked(folder):
    """What the linker needs beside Go's own: libstdc++ inside, and old versions of glibc's symbols."""
    # Objects of Go's cache are compiled with the same compiler; this one must run everywhere too.
    floor = folder / "floor.o"
    compiler = os.environ.get("CC", "cc")
    source = str(SCRIPTS / "release" / "floor.c")
    subprocess.run([compiler, "-O2", "-march=x86-64", "-Wall", "-Werror", "-c", source, "-o", str(floor)], check=True)
    names = sorted(set(re.findall(r"\b__wrap_(\w+)", output("nm", str(floor)))))
    libraries = ",".join(("--no-as-needed", "-l:libpthread.so.0", "-l:libdl.so.2", "-l:libresolv.so.2", "--as-needed"))
    # Go's linker asks for -no-pie itself, but only where a trial without our object succeeds.
    return ["-no-pie", "-static-libstdc++", *(f"-Wl,--wrap={n}" for n in names), str(floor), f"-Wl,{libraries}"]


def build(version, stamp, out):
    with tempfile.TemporaryDirectory() as folder:
        ldflags = f'-s -w -buildid= -B none -X main.version={version} -extldflags "{" ".join(linked(pathlib.Path(folder)))}"'
        command = [sys.executable, str(SCRIPTS / "build.py"), f"-buildvcs={stamp}", "-ldflags", ldflags, "-o", out, "./cmd/guardhouse"]
        return subprocess.run(command, check=False).returncode


def faults(out):
    """Why this file would not travel, in words; nothing when it will."""
    dynamic, symbols = output("readelf", "-d", "-W", out), output("readelf", "--dyn-syms", "-W", out)
    for library in sorted(set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)) - LIBRARIES):
        yield f"needs {library}, which not every system has"
    if "TEXTREL" in dynamic:
        yield "has relocations in its code: it was linked as a PIE from code that is none"
    for name, version in sorted(set(re.findall(r"\sUND\s+(\S+)@+GLIBC_([0-9.]+)", symbols))):
        if tuple(int(n) for n in version.split(".")) > FLOOR:
            yield f"needs {name} of glibc {version}; the floor is {'.'.join(map(str, FLOOR))}: give scripts/release/floor.c a line for it"
    if ".preinit_array" not in output("readelf", "-S", "-W", out):
        yield "does not look at the processor before it starts (internal/isa)"
    data = pathlib.Path(out).read_bytes()
    for path in {os.environ["GH_ROOT"], output("go", "env", "GOMODCACHE").strip(), output("go", "env", "GOCACHE").strip()}:
        if path.encode() in data:
            yield f"holds the path {path}: another folder would give other bytes"


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    version, stamp, out = sys.argv[1:]
    if os.environ.get("GH_MARCH") != "x86-64-v3" or os.uname().machine != "x86_64":
        print("release: this is made for x86-64-v3 on x86-64; on arm64, make build gives a binary of that machine", file=sys.stderr)
        return 2
    status = build(version, stamp, out)
    if status:
        return status
    found = list(faults(out))
    for fault in found:
        print(f"release: {out} {fault}", file=sys.stderr)
    if found:
        os.rename(out, out + ".refused")
        return 1
    target = pathlib.Path(out)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    (target.parent / "SHA256SUMS").write_text(f"{digest}  {target.name}\n")
    print(f"release: {out}, {target.stat().st_size / 1e6:.0f} MB, x86-64-v3, glibc {'.'.join(map(str, FLOOR))}, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
