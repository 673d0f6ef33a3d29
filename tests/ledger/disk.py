"""A disk for the journal that can be full: a small one of its own, or a limit on the size of files.

A disk of its own is a tmpfs that nobody else sees: the whole ledger runs in a mount namespace. Where
the system does not permit that there is the limit alone.
"""

import os
import resource
import subprocess
import sys

SIZE_MIB = 48
MARK = "ACEQUIA_LEDGER_APART"  # set in the process that has a namespace of its own
SMALL = 4096  # less than any journal
WAYS = (("--mount", "--propagation", "private"), ("--user", "--map-root-user", "--mount"))


def go_apart():
    """Goes on as a process that may mount what it likes, if the system lets it."""
    if MARK in os.environ:
        return
    for way in WAYS:
        probe = ["unshare", *way, "sh", "-c", "mount -t tmpfs ledger /mnt"]
        try:
            may = subprocess.run(probe, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            break
        if may:
            os.environ[MARK] = "1"
            sys.stdout.flush()
            os.execvp("unshare", ["unshare", *way, sys.executable, *sys.argv])


class Disk:
    """Where the journal is."""

    def __init__(self, folder):
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.is_own = MARK in os.environ
        if self.is_own:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=700", "ledger", self.folder]
            subprocess.run(mount, check=True)

    def fill(self, process, way):
        """From now on it takes no more: `way` is `space`, where there is such a disk, or `limit`."""
        if way == "limit" or not self.is_own:
            limit_files(process, SMALL)
            return
        with open(self.folder / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def free(self, process):
        limit_files(process, None)
        (self.folder / "filler").unlink(missing_ok=True)

    def close(self, keep_in=None):
        """Takes it away; what is on it is moved to a folder that stays, if there is one."""
        if self.is_own:
            if keep_in:
                subprocess.run(["cp", "-a", *self.folder.iterdir(), keep_in], check=False)
            subprocess.run(["umount", "--lazy", self.folder], check=True)


def limit_files(process, size):
    """How large a file of this process may become; it has to ignore SIGXFSZ."""
    if process.alive:
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))
