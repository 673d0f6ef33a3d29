"""A small disk for the tables of a PostgreSQL, which can be full: a tmpfs. It takes root, or `sudo`."""

import os
import subprocess

from .unprivileged import Folder

SIZE = "32m"  # a database without anything is 8 MB


def as_root(*command):
    return subprocess.run([*([] if os.geteuid() == 0 else ["sudo", "-n"]), *command], capture_output=True,
                          text=True, check=False)


class SmallDisk:
    """Holds a database of its own, whose URL is `database`; what else PostgreSQL writes is elsewhere."""

    def __init__(self, postgres, name="small"):
        self._folder = Folder("acequia-small-disk-")
        path = self._folder.path
        self._filler = path / "filler"
        owner = os.stat(path)
        options = f"size={SIZE},mode=700,uid={owner.st_uid},gid={owner.st_gid}"
        self._mounted = as_root("mount", "-t", "tmpfs", "-o", options, name, path)
        try:
            assert self._mounted.returncode == 0, self._mounted.stderr
            tables = path / "tables"
            tables.mkdir()
            os.chown(tables, owner.st_uid, owner.st_gid)
            postgres.psql(f"CREATE TABLESPACE {name} LOCATION '{tables}'")
            self.database = postgres.create_database(name)
            postgres.psql(f"ALTER DATABASE {name} SET TABLESPACE {name}")
        except BaseException:
            self.close()
            raise

    def fill(self):
        """From now on no table can grow; what fits into a page that is there is written all the same."""
        done = as_root("dd", "if=/dev/zero", f"of={self._filler}", "bs=4096", "count=100000")
        assert "No space left" in done.stderr, done.stderr

    def free(self):
        assert as_root("rm", self._filler).returncode == 0

    def close(self):
        if self._mounted.returncode == 0:
            as_root("umount", "--lazy", self._folder.path)
        self._folder.close()
