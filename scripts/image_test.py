"""The container image without a container engine: the Dockerfile's own words, the tree that it copies, and the program in it.

usage: image_test.py BINARY

The root is assembled as the Dockerfile does it and the program runs in it as a container would: the image's user, no capability,
no new privileges, a read-only root, /data alone writable, a network and a process list of its own. That needs root; without it
these tests are skipped, and the last line says so. It prints what failed and closes with one line of counts.
"""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(HERE)
USER = 10001


class Failed(Exception):
    pass


def need(true, *why):
    if not true:
        raise Failed(" ".join(str(w) for w in why))


def dockerfile():
    """{instruction: [arguments]} of the last stage, continued lines joined."""
    with open(os.path.join(REPO, "Dockerfile"), encoding="utf-8") as f:
        lines = [line for line in f.read().replace("\\\n", " ").split("\n") if line and not line.startswith("#")]
    last = max(i for i, line in enumerate(lines) if line.startswith("FROM "))
    found = {}
    for line in lines[last:]:
        word, rest = line.split(None, 1)
        found.setdefault(word, []).append(rest.strip())
    found["BUILD"] = lines[:last]
    return found


def assemble(binary, dest):
    return subprocess.run([os.path.join(HERE, "image", "root.sh"), binary, dest], capture_output=True, text=True)


def digest(tree):
    """What an image would hold of a tree: names, modes, links and bytes."""
    total = hashlib.sha256()
    for folder, folders, files in os.walk(tree):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            total.update(f"{os.path.relpath(path, tree)} {info.st_mode:o} {int(info.st_mtime)}\n".encode())
            if stat.S_ISREG(info.st_mode):
                with open(path, "rb") as f:
                    total.update(f.read())
    return total.hexdigest()


def words_of_the_dockerfile(binary, box):
    d = dockerfile()
    need(d["FROM"] == ["scratch"], "the image holds nothing but the tree:", d["FROM"])
    need(d["USER"] == [f"{USER}:{USER}"], "the user, in digits:", d["USER"])
    need(d["COPY"] == ["--from=build /image/root/ /", f"--from=build --chown={USER}:{USER} /image/owned/ /"], "the two trees:", d["COPY"])
    need(any("scripts/image/build.sh" in line and "scripts/image/root.sh bin/guardhouse /image" in line for line in d["BUILD"]), "the build runs the scripts")
    need(d["VOLUME"] == ['["/data"]'] and d["STOPSIGNAL"] == ["SIGTERM"], "volume and stop signal")
    need("guardhouse\", \"health\"]" in d["HEALTHCHECK"][0], "the health check:", d["HEALTHCHECK"])
    for label in ("title", "description", "version", "revision"):
        need(f"org.opencontainers.image.{label}=" in d["LABEL"][0], "the label", label)


def nothing_but_the_program(binary, box):
    done = assemble(binary, box + "/image")
    need(done.returncode == 0, done.stderr)
    for folder, folders, files in os.walk(box + "/image/root"):
        for name in folders + files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            need(not stat.S_ISLNK(info.st_mode), path, "is a link")
            need(info.st_mode & 0o6022 == 0, path, f"has mode {info.st_mode:o}: no one but root writes, nothing gains rights")
            need(os.geteuid() != 0 or info.st_uid == info.st_gid == 0, path, "is root's")
            need(name not in ("sh", "bash", "busybox", "apt", "dpkg"), path, "does not belong here")
    programs = [f for f in os.listdir(box + "/image/root/usr/local/bin")]
    need(programs == ["guardhouse"], "one program:", programs)
    need(os.path.isdir(box + "/image/root/usr/lib/guardhouse"), "the place of the library for GPUs")
    need(os.listdir(box + "/image/owned") == ["data"] and os.listdir(box + "/image/owned/data") == [], "an empty /data")
    info = os.lstat(box + "/image/owned/data")
    need(stat.S_IMODE(info.st_mode) == 0o700, f"/data has mode {info.st_mode:o}")
    need(os.geteuid() != 0 or info.st_uid == info.st_gid == USER, "/data is the user's")
    with open(box + "/image/root/etc/passwd", encoding="utf-8") as f:
        need(re.search(rf"^guardhouse:x:{USER}:{USER}:[^:]*:/data:/sbin/nologin$", f.read(), re.M), "the user has a name and no shell")
    with open(box + "/image/root/etc/ssl/certs/ca-certificates.crt", encoding="utf-8") as f:
        need(f.read().count("BEGIN CERTIFICATE") > 20, "authorities to trust")


def the_same_again(binary, box):
    need(assemble(binary, box + "/again").returncode == 0, "a second time")
    need(digest(box + "/image") == digest(box + "/again"), "the same program gives the same image")


def it_refuses(binary, box):
    taken = assemble(binary, box + "/image")
    need(taken.returncode == 2 and "is there already" in taken.stderr, "a folder that is taken:", taken.stderr)
    absent = assemble(binary + ".none", box + "/none")
    need(absent.returncode == 2 and "make build" in absent.stderr and not os.path.exists(box + "/none"), "a program that is not there:", absent.stderr)
    script = box + "/script"
    with open(script, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n")
    os.chmod(script, 0o755)
    other = assemble(script, box + "/none")
    need(other.returncode == 2 and "does not name the libraries" in other.stderr, "what is no program:", other.stderr)
    need(not [n for n in os.listdir(box) if n.startswith(".image-")], "nothing half made stays behind")


def the_unit_is_sound(binary, box):
    """scripts/guardhouse.service: systemd's own verdict where there is a systemd, and that its settings are the program's."""
    with open(os.path.join(HERE, "guardhouse.service"), encoding="utf-8") as f:
        text = f.read()
    settings = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.M))
    shown = subprocess.run([binary, "serve", "--print-config"], env=settings, cwd=box, capture_output=True, text=True)
    need(shown.returncode == 0 and "/var/lib/guardhouse" in shown.stdout, "its settings:", shown.stderr)
    if not shutil.which("systemd-analyze"):
        return
    unit = box + "/guardhouse.service"
    with open(unit, "w", encoding="utf-8") as f:
        f.write(text.replace("/usr/local/bin/guardhouse", binary))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    need(verified.returncode == 0 and not verified.stderr.strip(), "systemd-analyze verify:", verified.stdout, verified.stderr)
    exposed = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit], capture_output=True, text=True)
    need(exposed.returncode == 0, "it is exposed more than 2.0:", exposed.stdout[-400:], exposed.stderr)


def may_isolate():
    """None, or why this machine can not run the image's part of the tests."""
    if os.geteuid() != 0:
        return "it needs root (mounts, chroot); run it as root, as CI does"
    tried = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True)
    return None if tried.returncode == 0 else "this machine allows no mounts: " + tried.stderr.strip()


def contained(box):
    """(passed, failed) of the tests inside, which print their own lines."""
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private",
         sys.executable, os.path.join(HERE, "image", "contained.py"), box],
        stdout=subprocess.PIPE, text=True, timeout=300,
    )
    print(re.sub(r"^\d+ passed.*\n", "", done.stdout, flags=re.M), end="")
    counts = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.M)
    return (int(counts[1]), int(counts[2])) if counts else (0, 1)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    binary = os.path.abspath(sys.argv[1])
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix="guardhouse-image-") as box:
        for test in (words_of_the_dockerfile, nothing_but_the_program, the_same_again, it_refuses, the_unit_is_sound):
            try:
                test(binary, box)
                passed += 1
            except Failed as e:
                failed += 1
                print(f"FAILED {test.__name__}: {e}")
        why = may_isolate()
        if why:
            skipped += 1
            print("SKIPPED: the program was not run in its image:", why)
        elif not failed:
            good, bad = contained(box)
            passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
