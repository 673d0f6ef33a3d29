"""Programs that refuse to run as root: as whom they run instead, and where they keep their files."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path


def as_whom():
    """For `subprocess` and `Process`: another user if this one is root, else no change."""
    if os.geteuid() != 0:
        return {}
    user = _user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _user():
    """Whom PostgreSQL's own package makes; nobody where it does not."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


class Folder:
    """A temporary one that is theirs. Not below a test's own, which nobody else may enter."""

    def __init__(self, prefix):
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self._give(self.path)

    def write(self, name, text):
        file = self.path / name
        file.write_text(text)
        file.chmod(0o600)
        self._give(file)
        return file

    @staticmethod
    def _give(path):
        if os.geteuid() == 0:
            os.chown(path, _user().pw_uid, _user().pw_gid)

    def close(self):
        shutil.rmtree(self.path)
