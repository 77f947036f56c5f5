"""Disks that fail, for failclosed_test.py: small file systems, one that never answers, calls that fail. Not a test by itself."""

import ctypes
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = "GH_FAULTS_NAMESPACE"
MS_RDONLY, MS_REMOUNT, MNT_DETACH = 1, 32, 2
libc = ctypes.CDLL(None, use_errno=True)


class CannotMount(Exception):
    """This machine lets nobody here mount anything; the words say why."""


def own_namespace():
    """Goes on in a mount namespace of its own, where that is possible: mounts end with the test however it ends."""
    if os.environ.get(INSIDE):
        return
    for words in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        try:
            tried = subprocess.run([*words, "true"], capture_output=True, check=False)
        except FileNotFoundError:
            return
        if tried.returncode == 0:
            os.execvpe(words[0], [*words, "--", sys.executable, *sys.argv], dict(os.environ, **{INSIDE: "1"}))


def _mount(source, target, kind, flags, data):
    if libc.mount(source.encode(), os.fsencode(target), kind.encode(), flags, data.encode()):
        raise CannotMount(f"mount of {kind}: {os.strerror(ctypes.get_errno())}")


class Small:
    """A tmpfs of a few megabytes that can be filled, emptied, and made read-only while nobody writes there."""

    def __init__(self, path, megabytes):
        self.path, self.size, self.total = str(path), f"size={megabytes}m", megabytes << 20
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        _mount("tmpfs", self.path, "tmpfs", 0, self.size + ",mode=700")

    def fill(self, leave=0):
        """Leaves so many bytes free."""
        with open(os.path.join(self.path, "filler"), "ab") as filler:
            while (free := self.free() - leave) > 0:
                try:
                    os.write(filler.fileno(), bytes(min(free, 1 << 20)))
                except OSError:
                    return

    def free(self):
        about = os.statvfs(self.path)
        return about.f_bavail * about.f_frsize

    def clear(self):
        os.unlink(os.path.join(self.path, "filler"))

    def readonly(self, on):
        _mount("tmpfs", self.path, "tmpfs", MS_REMOUNT | (MS_RDONLY if on else 0), self.size)

    def away(self):
        libc.umount2(os.fsencode(self.path), MNT_DETACH)


class Silent:
    """A file system whose server never says a word: who asks it anything waits, as with a network mount whose server is gone."""

    def __init__(self, path):
        self.path = str(path)
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        try:
            self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        except OSError as problem:
            raise CannotMount(str(problem)) from problem
        try:
            _mount("silent", self.path, "fuse", 0, f"fd={self.device},rootmode=40000,user_id=0,group_id=0")
        except CannotMount:
            os.close(self.device)
            raise

    def end(self):
        """Whoever waits gets an error, and the folder below is there again."""
        os.close(self.device)
        libc.umount2(os.fsencode(self.path), MNT_DETACH)


class Shim:
    """faults.c before the calls of one server on one data folder."""

    def __init__(self, box, data):
        self.switch = os.path.join(box, "fault")
        self.library = os.path.join(box, "faults.so")
        subprocess.run([os.environ.get("CC", "cc"), "-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o", self.library, str(HERE / "faults.c")], check=True)
        self.variables = {"LD_PRELOAD": self.library, "FAULTS_UNDER": data, "FAULTS_SWITCH": self.switch}

    def fails(self, mode):
        """From now on, what faults.c calls so, until works()."""
        with open(self.switch + ".new", "w", encoding="ascii") as f:
            f.write(mode)
        os.rename(self.switch + ".new", self.switch)

    def works(self):
        os.unlink(self.switch)

    def hits(self):
        """How many calls have failed so far: a test that struck nothing has shown nothing."""
        try:
            return os.path.getsize(self.switch + ".hits")
        except FileNotFoundError:
            return 0
